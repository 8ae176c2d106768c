// The page of a demo server: large and coloured, so that a person sees at a glance which server answered.

import type { IncomingHttpHeaders } from 'node:http';

const COLOURS: Readonly<Record<string, string>> = {
  'web-1': '#1f6f8b',
  'web-2': '#99610a',
  'web-3': '#4b6b2f',
};

export function demoPage(
  name: string,
  { requests, connections }: { readonly requests: number; readonly connections: number },
  headers: IncomingHttpHeaders,
): string {
  const rows = Object.entries(headers)
    .map(
      ([field, value]) =>
        `<tr><th scope="row">${escapeHtml(field)}</th><td>${escapeHtml(String(value))}</td></tr>`,
    )
    .join('');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(name)}</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { margin: 0; }
  header { background: ${COLOURS[name] ?? '#555'}; color: #fff; padding: 3rem 1.5rem 2.5rem; }
  header > div, main { max-width: 46rem; margin: 0 auto; }
  header p { margin: 0; }
  h1 { font-size: clamp(3rem, 12vw, 6rem); line-height: 1; margin: 0 0 1rem; letter-spacing: -0.03em; }
  main { padding: 1.5rem; }
  button { font: inherit; padding: 0.6rem 1.2rem; border: 0; border-radius: 0.4rem; background: ${COLOURS[name] ?? '#555'}; color: #fff; cursor: pointer; }
  table { border-collapse: collapse; width: 100%; font-size: 0.875rem; }
  th, td { text-align: left; padding: 0.3rem 0.75rem 0.3rem 0; vertical-align: top; border-bottom: 1px solid #8884; overflow-wrap: anywhere; }
  th { font-weight: 600; white-space: nowrap; }
</style>
</head>
<body>
<header><div>
  <h1 id="server">${escapeHtml(name)}</h1>
  <p>This server answered. Reload, now or in an hour: your browser's TLS session ticket brings you back here, whichever engine behind this address it meets.</p>
</div></header>
<main>
  <p><button type="button" onclick="location.reload()">Reload</button></p>
  <p>Request ${requests} of this server, on ${connections} connections since it started.</p>
  <h2>What it was sent</h2>
  <table>${rows}</table>
</main>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
