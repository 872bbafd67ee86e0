/* The windows of a hashrate, as the API names them. */
export const WINDOWS = ['1m', '10m', '1h', '24h'] as const
