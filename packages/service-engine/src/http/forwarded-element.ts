// Forwarded (RFC 7239): the element that the engine writes, and whether what a client wrote may stand before it.

import { isIPv6 } from 'node:net';
import type { RequestHead } from './message.ts';
import type { ProxiedConnection } from './proxied-connection.ts';

const TOKEN = String.raw`[!#$%&'*+\-.^_\`|~0-9A-Za-z]+`;
const QUOTED = String.raw`"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"`;
const PAIR = `${TOKEN}=(?:${TOKEN}|${QUOTED})`;
const ELEMENT = `${PAIR}(?:;${PAIR})*`;
const ELEMENTS = new RegExp(`^${ELEMENT}(?:[ \\t]*,[ \\t]*${ELEMENT})*$`);
const IS_TOKEN = new RegExp(`^${TOKEN}$`);

/** Whether the text is a list of elements (§4). An open quote in it would swallow the engine's own element. */
export function isForwarded(text: string): boolean {
  return ELEMENTS.test(text);
}

/** Who asks, for which host, over what. Not `by`: the server knows who connects to it. */
export function forwardedElement({ authority }: RequestHead, { client, secure }: ProxiedConnection): string {
  const node = isIPv6(client.ip) ? `"[${client.ip}]"` : client.ip;
  const host = authority === '' ? '' : `;host=${IS_TOKEN.test(authority) ? authority : `"${authority}"`}`;
  return `for=${node}${host};proto=${secure ? 'https' : 'http'}`;
}
