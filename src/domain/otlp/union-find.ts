/** Disjoint groups of the numbers below a size. */
export interface Groups {
  /** The number that stands for the group of `member`. */
  find(member: number): number;
  join(member: number, other: number): void;
}

/** A union-find; path halving keeps chains short. At first each number is a group. */
export function makeGroups(size: number): Groups {
  const links = Array.from({ length: size }, (_, index) => index);
  const find = (member: number): number => {
    let at = member;
    for (let next = links[at]; next !== undefined && next !== at; next = links[at]) {
      links[at] = links[next] ?? next;
      at = next;
    }
    return at;
  };
  return {
    find,
    join: (member, other) => {
      links[find(member)] = find(other);
    },
  };
}
