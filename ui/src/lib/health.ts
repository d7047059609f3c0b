/** The figures of the health line. Pure. */

/** "99.98", never "100" while anything is missing. */
export function percent(share: number): string {
  return share >= 100 ? "100" : (Math.floor(share * 100) / 100).toFixed(2);
}
