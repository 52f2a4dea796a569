const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** 16 bytes in the order of the text. */
export function formatUuid(bytes: Buffer): string {
  let text = '';
  for (let i = 0; i < 16; i++) {
    text += HEX[bytes[i] as number];
    if (i === 3 || i === 5 || i === 7 || i === 9) text += '-';
  }
  return text;
}

export function formatInet4(bytes: Buffer): string {
  return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
}

/** MariaDB's spelling: as RFC 5952, but a single zero group is shortened too; IPv4-mapped and -compatible addresses with dots. */
export function formatInet6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i));
  const zeros = longestZeroRun(groups);
  if (zeros.start === 0 && (zeros.length === 6 || (zeros.length === 5 && groups[5] === 0xffff))) {
    return `::${zeros.length === 5 ? 'ffff:' : ''}${formatInet4(bytes.subarray(12))}`;
  }
  const hex = (part: number[]): string => part.map((g) => g.toString(16)).join(':');
  if (zeros.length === 0) return hex(groups);
  return `${hex(groups.slice(0, zeros.start))}::${hex(groups.slice(zeros.start + zeros.length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 0 };
  for (let i = 0; i < groups.length; i++) {
    let length = 0;
    while (groups[i + length] === 0) length++;
    if (length > best.length) best = { start: i, length };
    i += length;
  }
  return best;
}
