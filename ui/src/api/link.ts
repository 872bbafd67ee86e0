/*
 * The Link header of a list: the URL of its next page.
 */
export function nextPage(header: string | null): string | null {
  for (const part of (header ?? '').split(/,\s*(?=<)/)) {
    const m = /^<([^>]*)>(.*)$/.exec(part.trim())
    if (m && /;\s*rel="?next"?/.test(m[2] ?? '')) return m[1] ?? null
  }
  return null
}
