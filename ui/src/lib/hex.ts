/*
 * Bytes as they were, for the raw view: from the API's text or base64, and as
 * lines of 16.
 */
export function bytesOf(raw: string, encoding: string | null): Uint8Array {
  if (encoding !== 'base64') return new TextEncoder().encode(raw)
  try {
    return Uint8Array.from(atob(raw), (c) => c.charCodeAt(0))
  } catch {
    return new Uint8Array()
  }
}

export interface HexLine {
  readonly offset: string
  readonly hex: string
  readonly ascii: string
}

const hex2 = (n: number): string => n.toString(16).padStart(2, '0')

/** At most max lines of 16 bytes. */
export function hexLines(bytes: Uint8Array, max = 4096): HexLine[] {
  const lines: HexLine[] = []
  for (let at = 0; at < bytes.length && lines.length < max; at += 16) {
    const row = [...bytes.subarray(at, at + 16)]
    lines.push({
      offset: at.toString(16).padStart(6, '0'),
      hex: row.map((b, i) => (i === 8 ? ` ${hex2(b)}` : hex2(b))).join(' '),
      ascii: row.map((b) => (b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : '·')).join(''),
    })
  }
  return lines
}
