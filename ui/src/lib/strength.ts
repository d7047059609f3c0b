/** How strong a password is: by its length only, as NIST SP 800-63B §3.1.1.2 has it. */

export const SHORTEST = 12;
const STRONG = 20;

/** How many characters are missing, and the share of a strong one that is there, 0–1. */
export function strength(password: string): { missing: number; share: number } {
  const length = [...password].length;
  return { missing: Math.max(0, SHORTEST - length), share: Math.min(1, length / STRONG) };
}
