// How much of a budget is gone, and what is said of that: by one rule wherever a budget is shown.

const NEARLY = 0.9; // as the metrics have it

export const shareOf = ({ limit, spent, reserved }) => (limit ? (spent + reserved) / limit : 1);

// In words; null where there is enough.
export function stateOf(budget) {
  const used = shareOf(budget);
  return used >= 1 ? "Used up" : used >= NEARLY ? "Nearly spent" : null;
}
