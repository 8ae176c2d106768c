// The path of a request in one form: clients write `//api/pool/?name=x` and mean `/api/pool?name=x`.

export function normalisePath(url: string): string {
  const query = url.indexOf('?');
  const path = (query < 0 ? url : url.slice(0, query)).replaceAll(/\/{2,}/g, '/');
  const plain = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  return query < 0 ? plain : plain + url.slice(query);
}
