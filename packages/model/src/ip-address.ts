// IP addresses as text: one text for one address.

/** Whatever the notation of an IPv6 address (RFC 5952 has one), a server id hashes the same; a zone such as %eth0 stays. */
export function canonicalIp(ip: string): string {
  if (!ip.includes(':')) return ip;
  const [address = '', ...zone] = ip.split('%');
  return [new URL(`http://[${address}]`).hostname.slice(1, -1), ...zone].join('%');
}
