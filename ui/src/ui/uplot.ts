/* The chart library and its style, in a chunk of their own. */
import './uplot.css'
export { default as UPlot } from 'uplot'
