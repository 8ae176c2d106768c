// The request head as the server gets it: the client's end-to-end fields, and what the engine says about the client.

import { describeAddress, type HttpSnapshot } from '@limpet/model';
import { clientCertificateLines, withoutClientCertificateFields } from './client-certificate-fields.ts';
import { forwardedElement, isForwarded } from './forwarded-element.ts';
import { filterFieldLines, nameToCgi } from './http1/field-lines.ts';
import { requestHeadText } from './http1/serialize.ts';
import type { BodyFraming, RequestHead } from './message.ts';
import type { ProxiedConnection } from './proxied-connection.ts';

/** @returns the whole head, latin1, with its empty line. */
export function upstreamHeadText(
  head: RequestHead,
  body: BodyFraming,
  connection: ProxiedConnection,
  http: HttpSnapshot,
  requestId: string,
): string {
  const expect = head.expectContinue && !http.respondWith100Continue ? 'Expect: 100-continue\r\n' : '';
  const identity = clientCertificateLines(connection, http, requestId);
  const added = `${forwardedLines(head, connection, http)}${identity}X-Request-Id: ${requestId}\r\n${expect}`;
  return requestHeadText(
    withoutIdentity(withoutAlternateName(head, http), http),
    body,
    added,
    describeAddress(connection.local),
  );
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

/** Nor those by which it learns who the client is. */
function withoutIdentity(head: RequestHead, http: HttpSnapshot): RequestHead {
  const kept = withoutClientCertificateFields(head.fieldLines, http);
  return kept.length === head.fieldLines.length ? head : { ...head, fieldLines: kept };
}

/** A client must not be able to send the field by which the server recognises it, under whatever name the operator chose. */
function withoutAlternateName(head: RequestHead, http: HttpSnapshot): RequestHead {
  const name = http.forwardedFor.headerName.toLowerCase();
  if (!http.forwardedFor.enabled || name === 'x-forwarded-for' || http.forwardedFor.update !== 'replace')
    return head;
  const alike = nameToCgi(name);
  const kept = filterFieldLines(head.fieldLines, (field) => nameToCgi(field) !== alike);
  return kept.length === head.fieldLines.length ? head : { ...head, fieldLines: kept };
}
