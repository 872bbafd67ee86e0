/*
 * The manual under /docs/: the Markdown of doc/ and the top directory, and the
 * manual pages by mandoc, as static pages with one style, one script for the
 * search, and nothing from elsewhere.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Marked } from 'marked'

const here = dirname(fileURLToPath(import.meta.url))
const top = join(here, '..', '..')

const PAGES = [
  ['Manual', [
    ['index', 'Overview', 'doc/manual/overview.md'],
    ['quick-start', 'Quick start', 'README.md'],
    ['console', 'The console', 'doc/manual/console.md'],
    ['decoder', 'Decoder reference', 'doc/manual/decoder.md'],
    ['fleet', 'Agent fleet', 'doc/manual/fleet.md'],
    ['api', 'API', 'doc/manual/api.md'],
    ['troubleshooting', 'Troubleshooting', 'doc/manual/troubleshooting.md'],
  ]],
  ['How it is built', [
    ['architecture', 'Architecture', 'doc/ARCHITECTURE.md'],
    ['protocol', 'Between the processes', 'doc/PROTOCOL.md'],
    ['threats', 'Threats', 'doc/THREATS.md'],
    ['developers', 'Developer guide', 'HACKING.md'],
    ['security', 'Security', 'SECURITY.md'],
    ['changes', 'Changes', 'CHANGES.md'],
  ]],
]

const escape = (s) => s.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c])
const plain = (html) => html.replace(/<[^>]*>/g, ' ').replace(/&amp;/g, '&').replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&#?\w+;/g, ' ').replace(/\s+/g, ' ').trim()
const slug = (s) => s.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '')

/** Links between the files become links between the pages. */
function linkOf(href) {
  const [file, anchor] = href.split('#')
  for (const [, pages] of PAGES) {
    const page = pages.find(([, , source]) => source === file || basename(source) === basename(file))
    if (page) return `/docs/${page[0]}.html${anchor ? `#${anchor}` : ''}`
  }
  return href
}

function markdown(text) {
  const sections = []
  const seen = new Map()
  const m = new Marked()
  m.use({
    renderer: {
      heading({ tokens, depth }) {
        const html = this.parser.parseInline(tokens)
        const base = slug(plain(html)) || 'section'
        const n = seen.get(base) ?? 0
        seen.set(base, n + 1)
        const id = n === 0 ? base : `${base}-${n}`
        sections.push({ id, title: plain(html), depth })
        return `<h${depth} id="${id}">${html}</h${depth}>\n`
      },
      // The pictures of the README show the console, which is at hand here.
      image() {
        return ''
      },
      link({ href, tokens }) {
        return `<a href="${escape(linkOf(href))}">${this.parser.parseInline(tokens)}</a>`
      },
      table(token) {
        const row = (cells, tag) => `<tr>${cells.map((c) => `<${tag}>${this.parser.parseInline(c.tokens)}</${tag}>`).join('')}</tr>`
        const head = token.header.some((c) => c.text !== '') ? `<thead>${row(token.header, 'th')}</thead>` : ''
        return `<div class="table"><table>${head}<tbody>${token.rows.map((r) => row(r, 'td')).join('')}</tbody></table></div>\n`
      },
      code({ text: code }) {
        return `<pre tabindex="0"><code>${escape(code)}</code></pre>\n`
      },
    },
  })
  return { html: m.parse(text), sections }
}

/** The manual pages; none where mandoc is not installed. */
function manuals() {
  const dir = join(top, 'man')
  const pages = []
  for (const file of readdirSync(dir).filter((f) => /\.[1-9]$/.test(f)).sort()) {
    let html
    try {
      html = execFileSync('mandoc', ['-Thtml', '-O', 'fragment,man=/docs/man-%N.%S.html', join(dir, file)], { encoding: 'utf8', maxBuffer: 1 << 26 })
    } catch (e) {
      if (e.code === 'ENOENT') return []
      throw e
    }
    const [, name, section] = /^(.*)\.(\d)$/.exec(file)
    const sections = [...html.matchAll(/<h[12] class="S[hs]" id="([^"]+)"><a[^>]*>([^<]*)/g)].map(([, id, title]) => ({ id, title: plain(title), depth: 2 }))
    pages.push({ id: `man-${file}`, title: `${name}(${section})`, html: `<article class="manual">${html}</article>`, sections })
  }
  const known = new Set(pages.map((p) => p.id))
  const strip = (html) => html.replace(/<a class="Xr" href="\/docs\/([^"]+)\.html[^"]*"[^>]*>(.*?)<\/a>/g, (all, id, text) => (known.has(id) ? `<a href="/docs/${id}.html">${text}</a>` : text))
  return pages.map((p) => ({ ...p, html: strip(p.html).replace(/ style="[^"]*"/g, '') }))
}

/** hashscope(7) in the text of a page leads to the manual page. */
function crossRefs(html, known) {
  return html.replace(/(?<![\w/"-])([a-z][\w.-]+)\(([1-9])\)(?![^<]*<\/a>)/g, (all, name, section) =>
    known.has(`man-${name}.${section}`) ? `<a href="/docs/man-${name}.${section}.html">${all}</a>` : all)
}

function navigation(groups, current) {
  return groups.map(([title, pages]) => `<h2>${title}</h2><ul>${pages.map((p) =>
    `<li><a href="/docs/${p.id === 'index' ? '' : `${p.id}.html`}"${p.id === current ? ' aria-current="page"' : ''}>${escape(p.title)}</a></li>`).join('')}</ul>`).join('')
}

const layout = (groups, page) => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${escape(page.title)} · HashScope</title>
<link rel="icon" type="image/svg+xml" href="/icon.svg"><link rel="stylesheet" href="/docs/docs.css">
<script src="/theme.js"></script><script src="/docs/search.js" defer></script></head>
<body><header><a class="home" href="/">HashScope</a><span class="where">Documentation</span>
<div class="search" role="search"><input id="q" type="search" placeholder="Search the manual  ( / )" aria-label="Search the manual" autocomplete="off"><ol id="found" hidden></ol></div></header>
<div class="frame"><nav aria-label="Contents"><details id="contents"><summary>Contents</summary>${navigation(groups, page.id)}</details></nav>
<main id="page">${page.html}</main>
<aside aria-label="On this page">${page.sections.filter((s) => s.depth === 2).map((s) => `<a href="#${escape(s.id)}">${escape(s.title)}</a>`).join('')}</aside></div></body></html>
`

/** The text under each heading, for the search. */
function index(page) {
  const url = `/docs/${page.id}.html`
  const parts = page.html.split(/(?=<h[1-4][^>]* id=")/)
  return parts.map((part) => {
    const id = /^<h[1-4][^>]* id="([^"]+)"/.exec(part)?.[1]
    const title = plain(/^<h[1-4][^>]*>(.*?)<\/h[1-4]>/s.exec(part)?.[1] ?? page.title)
    return { u: id ? `${url}#${id}` : url, p: page.title, t: title, x: plain(part).slice(0, 4000) }
  }).filter((e) => e.x !== '')
}

export function buildDocs(out) {
  mkdirSync(out, { recursive: true })
  const groups = PAGES.map(([title, pages]) => [title, pages.map(([id, name, source]) => ({ id, title: name, ...markdown(readFileSync(join(top, source), 'utf8')) }))])
  const man = manuals()
  if (man.length > 0) groups.push(['Manual pages', man])
  else console.error('  docs: no mandoc here, so no manual pages')
  const known = new Set(man.map((p) => p.id))
  const search = []
  for (const [, pages] of groups) {
    for (const page of pages) {
      page.html = crossRefs(page.html, known)
      search.push(...index(page))
      writeFileSync(join(out, `${page.id}.html`), layout(groups, page))
    }
  }
  writeFileSync(join(out, 'search.json'), JSON.stringify(search))
  for (const file of ['docs.css', 'search.js']) copyFileSync(join(here, file), join(out, file))
  return groups.reduce((n, [, pages]) => n + pages.length, 0)
}
