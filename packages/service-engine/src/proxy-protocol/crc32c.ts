// CRC-32C (Castagnoli), which protects a PROXY protocol header; zlib has only the other CRC-32.

const POLYNOMIAL = 0x82f63b78;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/** Of the pieces one behind the other, as an unsigned 32-bit number. */
export function crc32c(...pieces: readonly Buffer[]): number {
  let value = 0xffffffff;
  for (const piece of pieces) {
    for (const byte of piece) value = (TABLE[(value ^ byte) & 0xff] as number) ^ (value >>> 8);
  }
  return (value ^ 0xffffffff) >>> 0;
}
