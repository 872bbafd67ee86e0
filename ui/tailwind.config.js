/*
 * The design system in one place: a neutral palette, one accent, and four
 * colours that always mean the same.  The values are in src/index.css, one
 * set for light and one for dark.
 */
const value = (name) => `rgb(var(--${name}) / <alpha-value>)`

/** @type {import('tailwindcss').Config} */
export default {
  content: ['./index.html', './src/**/*.{ts,tsx}'],
  darkMode: ['selector', '[data-theme="dark"]'],
  theme: {
    colors: {
      transparent: 'transparent',
      current: 'currentColor',
      black: '#000',
      page: value('page'),
      panel: value('panel'),
      raised: value('raised'),
      line: value('line'),
      strong: value('strong'),
      ink: value('ink'),
      dim: value('dim'),
      faint: value('faint'),
      accent: value('accent'),
      'on-accent': value('on-accent'),
      accepted: value('accepted'),
      rejected: value('rejected'),
      stale: value('stale'),
      attention: value('attention'),
    },
    fontFamily: {
      sans: ['Inter', 'system-ui', '-apple-system', 'Segoe UI', 'Roboto', 'DejaVu Sans', 'sans-serif'],
      mono: ['ui-monospace', 'SF Mono', 'Cascadia Mono', 'Menlo', 'Consolas', 'DejaVu Sans Mono', 'monospace'],
    },
    fontSize: {
      xs: ['11px', '16px'],
      sm: ['12.5px', '18px'],
      base: ['13.5px', '20px'],
      lg: ['16px', '22px'],
      xl: ['20px', '26px'],
      '2xl': ['26px', '32px'],
    },
    extend: {
      borderRadius: { DEFAULT: '5px', lg: '8px' },
      keyframes: {
        fresh: { from: { boxShadow: 'inset 3px 0 0 rgb(var(--accent))' }, to: { boxShadow: 'inset 3px 0 0 transparent' } },
        appear: { from: { opacity: '0', transform: 'translateY(4px)' }, to: { opacity: '1', transform: 'none' } },
      },
      animation: { fresh: 'fresh 1.2s ease-out', appear: 'appear 120ms ease-out' },
    },
  },
  // Fingers need larger targets than a mouse.
  plugins: [({ addVariant }) => addVariant('pointer-coarse', '@media (pointer: coarse)')],
}
