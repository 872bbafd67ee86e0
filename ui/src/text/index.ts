/* The language of the console.  Another one is another file like en.ts. */
export { en as t } from './en'
