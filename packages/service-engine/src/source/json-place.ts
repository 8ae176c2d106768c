// The place in a text where it stops being JSON. V8 tells it for some mistakes only, and quotes the text for the others.

/** What may come next. */
type Expected = 'value' | 'value or ]' | 'name' | 'name or }' | ':' | ', or end' | 'nothing';

const SPACE = /[ \t\n\r]*/y;
// RFC 8259: a structural character, a string, a number or a literal name.
const TOKEN =
  /[{}[\],:]|"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Line and column of the first token that is no JSON, or that it ends too early. Never a word of the text: a private key may stand in it. */
export function describeJsonPlace(text: string): string {
  const offset = findMistake(text);
  if (offset === text.length) return 'it ends too early';
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

function findMistake(text: string): number {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let offset = 0;
  for (;;) {
    SPACE.lastIndex = offset;
    SPACE.test(text);
    offset = SPACE.lastIndex;
    TOKEN.lastIndex = offset;
    const token = TOKEN.exec(text)?.[0];
    const next: Expected | undefined = token === undefined ? undefined : after(token, expected, open);
    if (token === undefined || next === undefined) return offset;
    expected = next;
    offset += token.length;
  }
}

/** What may come after a token, or undefined where the token may not come; `open` is what is not closed yet. */
function after(token: string, expected: Expected, open: ('{' | '[')[]): Expected | undefined {
  const closed = (): Expected => (open.length === 0 ? 'nothing' : ', or end');
  const inside = open.at(-1);
  const takesValue = expected === 'value' || expected === 'value or ]';
  switch (token) {
    case '{':
    case '[':
      if (!takesValue) return undefined;
      open.push(token);
      return token === '{' ? 'name or }' : 'value or ]';
    case '}':
    case ']': {
      const mayEnd = expected === ', or end' || expected === (token === '}' ? 'name or }' : 'value or ]');
      if (!mayEnd || inside !== (token === '}' ? '{' : '[')) return undefined;
      open.pop();
      return closed();
    }
    case ',':
      if (expected !== ', or end') return undefined;
      return inside === '{' ? 'name' : 'value';
    case ':':
      return expected === ':' ? 'value' : undefined;
    default:
      if (takesValue) return closed();
      return token.startsWith('"') && (expected === 'name' || expected === 'name or }') ? ':' : undefined;
  }
}
