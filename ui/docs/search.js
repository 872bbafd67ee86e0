/* The search of the manual: every word has to occur, headings count more. */
(function () {
  var input = document.getElementById('q')
  var list = document.getElementById('found')
  var entries = null
  var at = -1

  function load() {
    if (entries) return Promise.resolve(entries)
    return fetch('/docs/search.json').then(function (r) { return r.json() }).then(function (all) {
      entries = all.map(function (e) { return { e: e, title: (e.p + ' ' + e.t).toLowerCase(), text: e.x.toLowerCase() } })
      return entries
    })
  }

  function score(entry, words) {
    var sum = 0
    for (var i = 0; i < words.length; i++) {
      var inTitle = entry.title.indexOf(words[i]) >= 0
      if (!inTitle && entry.text.indexOf(words[i]) < 0) return 0
      sum += inTitle ? 5 : 1
    }
    return sum
  }

  function part(tag, text) {
    var el = document.createElement(tag)
    el.textContent = text
    return el
  }

  function snippet(entry, word) {
    var from = Math.max(0, entry.text.indexOf(word) - 40)
    return (from > 0 ? '…' : '') + entry.e.x.slice(from, from + 120)
  }

  function show(hits, words) {
    list.textContent = ''
    at = -1
    hits.slice(0, 12).forEach(function (hit) {
      var li = document.createElement('li')
      var a = document.createElement('a')
      a.href = hit.entry.e.u
      a.append(part('b', hit.entry.e.t), part('small', hit.entry.e.p), part('span', snippet(hit.entry, words[0])))
      li.append(a)
      list.append(li)
    })
    if (hits.length === 0) list.append(part('li', 'Nothing was found.'))
    list.hidden = false
  }

  function search() {
    var words = input.value.toLowerCase().split(/\s+/).filter(Boolean)
    if (words.length === 0) {
      list.hidden = true
      return
    }
    load().then(function (all) {
      var hits = []
      all.forEach(function (entry) {
        var s = score(entry, words)
        if (s > 0) hits.push({ entry: entry, s: s })
      })
      hits.sort(function (a, b) { return b.s - a.s })
      show(hits, words)
    })
  }

  function move(by) {
    var links = list.querySelectorAll('a')
    if (links.length === 0) return
    at = (at + by + links.length) % links.length
    links[at].focus()
  }

  input.addEventListener('input', search)
  input.addEventListener('focus', search)
  document.addEventListener('keydown', function (e) {
    var typing = e.target instanceof HTMLInputElement
    if (e.key === '/' && !typing) {
      e.preventDefault()
      input.focus()
    } else if (e.key === 'Escape') {
      list.hidden = true
      input.blur()
    } else if ((e.key === 'ArrowDown' || e.key === 'ArrowUp') && !list.hidden && e.target.closest('.search')) {
      e.preventDefault()
      move(e.key === 'ArrowDown' ? 1 : -1)
    } else if (e.key === 'Enter' && typing && list.querySelector('a')) {
      list.querySelector('a').click()
    }
  })
  document.addEventListener('click', function (e) {
    if (!e.target.closest('.search')) list.hidden = true
  })
  var contents = document.getElementById('contents')
  contents.open = matchMedia('(min-width: 56rem)').matches
})()
