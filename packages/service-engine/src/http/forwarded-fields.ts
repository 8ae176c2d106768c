// The request head as the server gets it: the client's end-to-end fields, and what the engine says about the client.

import { describeAddress, type HttpSnapshot } from '@limpet/model';
import { clientCertificateLines, withoutClientCertificateFields } from './client-certificate-fields.ts';
import type { UpstreamRequest } from './exchange.ts';
import { forwardedElement, isForwarded } from './forwarded-element.ts';
import { filterFieldLines, nameToCgi } from './http1/field-lines.ts';
import type { BodyFraming, RequestHead } from './message.ts';
import type { ProxiedConnection } from './proxied-connection.ts';

/** @param rewrittenAuthority what the server is told as Host, whatever the client said. */
export function upstreamRequest(
  head: RequestHead,
  body: BodyFraming,
  connection: ProxiedConnection,
  http: HttpSnapshot,
  requestId: string,
  rewrittenAuthority: string | undefined,
): UpstreamRequest {
  const expect = head.expectContinue && !http.respondWith100Continue ? 'Expect: 100-continue\r\n' : '';
  const identity = clientCertificateLines(connection, http, requestId);
  const added = `${forwardedLines(head, connection, http)}${identity}X-Request-Id: ${requestId}\r\n${expect}`;
  const fieldLines = withoutClientCertificateFields(withoutAlternateName(head, http), http) + added;
  // An HTTP/1.0 request may have no Host.
  const authority =
    rewrittenAuthority ?? (head.authority === '' ? describeAddress(connection.local) : head.authority);
  return { head, authority, fieldLines, body };
}

/**
 * X-Forwarded-For as xff_update says; X-Forwarded-Proto and -Port by x_forwarded_proto_enabled; Forwarded by limpet_forwarded_enabled. What a
 * client sends under these names never passes unless it is to be appended to: anyone can write them.
 */
function forwardedLines(head: RequestHead, connection: ProxiedConnection, http: HttpSnapshot): string {
  let lines = '';
  const { enabled, headerName, update } = http.forwardedFor;
  if (enabled) {
    const client = connection.client.ip;
    const earlier = headerName.toLowerCase() === 'x-forwarded-for' ? head.forwardedFor : '';
    if (update === 'append' && earlier !== '') lines = `${headerName}: ${earlier}, ${client}\r\n`;
    else if (update === 'add' && earlier !== '')
      lines = `${headerName}: ${earlier}\r\n${headerName}: ${client}\r\n`;
    else lines = `${headerName}: ${client}\r\n`;
  }
  if (http.forwardedProto) {
    const { port } = connection.local;
    lines += `X-Forwarded-Proto: ${connection.secure ? 'https' : 'http'}\r\nX-Forwarded-Port: ${port}\r\n`;
  }
  if (http.forwarded) {
    const earlier = update !== 'replace' && isForwarded(head.forwarded) ? `${head.forwarded}, ` : '';
    lines += `Forwarded: ${earlier}${forwardedElement(head, connection)}\r\n`;
  }
  return lines;
}

/** A client must not be able to send the field by which the server recognises it, under whatever name the operator chose. */
function withoutAlternateName({ fieldLines }: RequestHead, http: HttpSnapshot): string {
  const name = http.forwardedFor.headerName.toLowerCase();
  if (!http.forwardedFor.enabled || name === 'x-forwarded-for' || http.forwardedFor.update !== 'replace')
    return fieldLines;
  const alike = nameToCgi(name);
  return filterFieldLines(fieldLines, (field) => nameToCgi(field) !== alike);
}
