/* The console's one transport. */
import { browserEnvironment, Transport } from './transport'

export const api = new Transport(browserEnvironment())
