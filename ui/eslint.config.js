import js from '@eslint/js'
import hooks from 'eslint-plugin-react-hooks'
import ts from 'typescript-eslint'

export default ts.config(
  { ignores: ['dist', 'node_modules'] },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [...ts.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { 'react-hooks': hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', { max: 110, skipComments: true, skipBlankLines: true }],
      'no-restricted-properties': [
        'error',
        { property: 'dangerouslySetInnerHTML', message: 'what a miner says is text' },
        { property: 'innerHTML', message: 'what a miner says is text' },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
    },
  },
  // The texts are one file, so that they can be translated.
  { files: ['src/text/*.ts'], rules: { 'max-lines': 'off' } },
  {
    files: ['**/*.test.{ts,tsx}'],
    rules: { 'max-lines-per-function': 'off', '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      globals: Object.fromEntries(
        ['process', 'console', 'URL', 'document', 'window', 'fetch', 'localStorage', 'matchMedia', 'HTMLInputElement', 'WebSocket', 'location', 'history', 'performance', 'setTimeout', 'clearTimeout', 'AbortSignal', 'axe', 'KeyboardEvent', 'navigator']
          .map((name) => [name, 'readonly']),
      ),
    },
  },
)
