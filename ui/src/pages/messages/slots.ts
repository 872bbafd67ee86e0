/*
 * Which row of the page shows which message.  A message keeps its row while it
 * is seen, and a new one gets the row of one that has gone: then the browser
 * has new text to draw, but no new elements to make.
 */
export class Slots {
  private taken = new Map<string, number>()

  /** A number for each of these, which are in the order of the page. */
  assign(ids: readonly string[]): number[] {
    const next = new Map<string, number>()
    const used = new Set<number>()
    for (const id of ids) {
      const slot = this.taken.get(id)
      if (slot === undefined) continue
      next.set(id, slot)
      used.add(slot)
    }
    // In the order of the page, so that as few rows as can be change places.
    const free = [...this.taken.values()].filter((slot) => !used.has(slot))
    for (let slot = 0; used.size + free.length < ids.length; slot++) {
      if (!used.has(slot) && !free.includes(slot)) free.push(slot)
    }
    let at = 0
    const slots = ids.map((id) => next.get(id) ?? free[at++] ?? -1)
    this.taken = new Map(ids.map((id, i) => [id, slots[i] ?? -1]))
    return slots
  }
}
