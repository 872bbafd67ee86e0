/*
 * How long to wait before the next try: 250 ms doubling to 8 s, each by a
 * chance between its half and its whole, so that many tabs do not come at once.
 */
export class Backoff {
  private tries = 0

  constructor(
    private readonly first = 250,
    private readonly most = 8000,
    private readonly random: () => number = Math.random,
  ) {}

  next(): number {
    const whole = Math.min(this.first * 2 ** this.tries, this.most)
    this.tries++
    return whole / 2 + (whole / 2) * this.random()
  }

  reset(): void {
    this.tries = 0
  }
}
