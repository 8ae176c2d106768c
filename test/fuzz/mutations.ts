// Mutations of inputs: of bytes, of the lines and tokens of text protocols, and cutting an input as a network would.

import type { SeededRandom } from './seeded-random.ts';

export type Mutation = (input: Buffer, random: SeededRandom) => Buffer;

/** Lengths around which fields, records, buffers and limits end. */
const LENGTHS = [
  0, 1, 2, 15, 16, 17, 31, 32, 33, 127, 128, 255, 256, 257, 4095, 4096, 8191, 8192, 16_384, 16_385,
];
const EDGE_BYTES = [0, 1, 9, 10, 13, 32, 0x2c, 0x3a, 0x3b, 0x7f, 0x80, 0xa0, 0xff];

function splice(input: Buffer, at: number, removed: number, inserted: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, at), inserted, input.subarray(at + removed)]);
}

/** One change of bytes. */
export const mutateBytes: Mutation = (input, random) => {
  const at = random.below(input.length + 1);
  const length = Math.min(input.length - at, 1 + random.below(random.chance(4) ? 200 : 4));
  switch (random.below(8)) {
    case 0:
      return splice(input, at, length, Buffer.alloc(0));
    case 1:
      return splice(input, at, 0, random.bytes(1 + random.below(4)));
    case 2:
      return splice(input, at, 0, Buffer.of(random.pick(EDGE_BYTES)));
    case 3: {
      const flipped = Buffer.from(input);
      if (at < flipped.length) flipped[at] = (flipped[at] as number) ^ (1 << random.below(8));
      return flipped;
    }
    case 4:
      return splice(input, at, Math.min(1, input.length - at), Buffer.of(random.pick(EDGE_BYTES)));
    case 5:
      // Again, elsewhere.
      return splice(input, random.below(input.length + 1), 0, input.subarray(at, at + length));
    case 6:
      return Buffer.from(input.subarray(0, at));
    default: {
      // Much of the same.
      const unit = input.subarray(at, at + length);
      const times = unit.length === 0 ? 0 : Math.ceil(random.pick(LENGTHS) / unit.length);
      return splice(input, at, 0, Buffer.concat(Array<Buffer>(times).fill(unit)));
    }
  }
};

/** A change of a text of lines: lines dropped, doubled, exchanged, ended otherwise; tokens of the dictionary put in. */
export function mutateLines(dictionary: readonly string[]): Mutation {
  return (input, random) => {
    const text = input.toString('latin1');
    const lines = text.split('\r\n');
    const index = random.below(lines.length);
    const line = lines[index] as string;
    switch (random.below(8)) {
      case 0:
        lines.splice(index, 1);
        break;
      case 1:
        lines.splice(random.below(lines.length + 1), 0, line);
        break;
      case 2: {
        const other = random.below(lines.length);
        lines[index] = lines[other] as string;
        lines[other] = line;
        break;
      }
      case 3:
        lines.splice(index, 0, random.pick(dictionary));
        break;
      case 4: {
        const at = random.below(line.length + 1);
        lines[index] = line.slice(0, at) + random.pick(dictionary) + line.slice(at);
        break;
      }
      case 5: {
        // One token for another of the dictionary.
        const tokens = line.split(/(?<=[ ,;:=])|(?=[ ,;:=])/);
        tokens[random.below(tokens.length)] = random.pick(dictionary);
        lines[index] = tokens.join('');
        break;
      }
      case 6: {
        const before = lines.slice(0, index + 1).join('\r\n');
        const end = random.pick(['\n', '\r', '\r\r\n', '\n\r', '\r\n ', '\0\r\n', '\x85', '']);
        return Buffer.from(before + end + lines.slice(index + 1).join('\r\n'), 'latin1');
      }
      default:
        lines[index] = line + random.pick([' ', '\t', ',', ';', '0', '\x0b', '\xa0', '\r', '\0']);
    }
    return Buffer.from(lines.join('\r\n'), 'latin1');
  };
}

/** The beginning of one input with the end of another. */
export function cross(first: Buffer, second: Buffer, random: SeededRandom): Buffer {
  return Buffer.concat([
    first.subarray(0, random.below(first.length + 1)),
    second.subarray(random.below(second.length + 1)),
  ]);
}

/** The input in pieces, by the byte now and then. */
export function cutUp(input: Buffer, random: SeededRandom): readonly Buffer[] {
  if (input.length < 2048 && random.chance(4)) return Array.from(input, (byte) => Buffer.of(byte));
  const pieces: Buffer[] = [];
  // Joining pieces costs what they cost: many small ones of a large input would only measure that.
  const longest = random.pick(input.length < 8192 ? [3, 40, 1500] : [1500, 20_000]);
  for (let at = 0; at < input.length; ) {
    const length = 1 + random.below(longest);
    // Views, as a socket's buffer gives them: a piece lies between others.
    pieces.push(input.subarray(at, at + length));
    at += length;
  }
  return pieces;
}
