/* Before the first paint: the theme that was chosen, or the system's. */
(function () {
  var chosen = null
  try {
    chosen = localStorage.getItem('theme')
  } catch {
    /* storage is refused: the system's theme then */
  }
  if (chosen !== 'light' && chosen !== 'dark') {
    chosen = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
  }
  document.documentElement.dataset.theme = chosen
})()
