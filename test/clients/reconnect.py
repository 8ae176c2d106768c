# Python's ssl: COUNT connections to localhost:PORT, each with the session of the one before; prints the server of each answer.

import socket
import ssl
import sys

port, count, version, certificate = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
context = ssl.create_default_context(cafile=certificate)
context.minimum_version = context.maximum_version = {
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}[version]

session = None
for visit in range(count):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(raw, server_hostname="localhost", session=session) as tls:
            request = f"GET /visit/{visit} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            tls.sendall(request.encode())
            answer = b""
            while part := tls.recv(65536):
                answer += part
            # After the answer: the tickets of TLS 1.3 come behind the handshake.
            session = tls.session
    for line in answer.decode("latin1").split("\r\n"):
        if line.lower().startswith("x-demo-server:"):
            print(line.split(":", 1)[1].strip(), flush=True)
