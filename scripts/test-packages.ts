// The Debian packages that the tests run: clients and servers of other makers.

export const testPackages: readonly string[] = [
  'openssl',
  'curl',
  'nginx',
  'chromium',
  'gnutls-bin',
  'python3',
  'golang-go',
  'default-jdk-headless',
  'systemd',
];
