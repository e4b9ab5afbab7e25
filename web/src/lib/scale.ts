/** How much larger letters are than usual: what is drawn in pixels grows with them. */
export const scaled = (): number => Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
