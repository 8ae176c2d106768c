// What one connection negotiates, so that the subjects can be shown to do the same work.

import type { TLSSocket } from 'node:tls';
import { Http1Connection } from './http1-connection.ts';
import type { Negotiated, TlsVersion } from './load-command.ts';
import { openSession } from './stream-load.ts';

export function probe(port: number, version: TlsVersion): Promise<Negotiated> {
  return new Promise((resolve, reject) => {
    const connection = new Http1Connection(
      { port, version },
      {
        onResponse: () => {
          resolve(describe(connection.socket));
          connection.end();
        },
        onClose: (error) => reject(error ?? new Error('closed')),
      },
    );
    connection.request();
  });
}

export async function probeHttp2(port: number): Promise<Negotiated> {
  const session = await openSession(port);
  return describe(session.socket as TLSSocket);
}

function describe(socket: TLSSocket): Negotiated {
  const group = socket.getEphemeralKeyInfo();
  return {
    protocol: socket.getProtocol() ?? 'none',
    cipher: socket.getCipher().name,
    group: group !== null && 'name' in group ? (group.name ?? 'none') : 'none',
    alpn: socket.alpnProtocol === false ? 'none' : (socket.alpnProtocol ?? 'none'),
    certificate: socket.getPeerCertificate().fingerprint256 ?? 'none',
  };
}
