// The Debian packages that the tests run: clients of other makers.

export const testPackages: readonly string[] = [
  'openssl',
  'curl',
  'chromium',
  'gnutls-bin',
  'python3',
  'golang-go',
  'default-jdk-headless',
];
