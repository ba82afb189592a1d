// The table of what works in which runtime, as the documents have it.
const BEGIN = '<!-- runtimes -->\n';
const END = '<!-- /runtimes -->';
const pattern = new RegExp(`${BEGIN}([^]*?)${END}`);

const cellsOf = (line) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

export const isReplaced = (text) => pattern.test(text);

/** Row → runtime's title, without its version → cell. */
export function tableOf(text) {
  const lines = (pattern.exec(text)?.[1] ?? '').split('\n').filter((line) => line.startsWith('|'));
  const [head = '', , ...body] = lines;
  const titles = cellsOf(head).map((title) => title.replace(/(Bun|Deno) .*/, '$1'));
  return new Map(
    body.map((line) => {
      const [row, ...cells] = cellsOf(line);
      return [row, new Map(cells.map((cell, i) => [titles[i + 1], cell]))];
    }),
  );
}

/** Of what was found as root and as somebody else. */
export function cellOf(outcomes) {
  const works = outcomes.filter(([, outcome]) => outcome === 'works');
  if (works.length === outcomes.length) return 'yes';
  if (works.length === 0) return 'typed error';
  return `yes as ${works[0][0]}, else a typed error`;
}

/** Whether a cell tells what was found, by whomever it was. */
export function agrees(cell, outcomes) {
  if (cell === undefined) return false;
  return cell === cellOf(outcomes) || (outcomes.length === 1 && /^yes as /.test(cell));
}

const columnOf = ({ name, title, version }) =>
  name.startsWith('node') ? title : `${title} ${version.split('.').slice(0, 2).join('.')}`;

/** The document with the table as it was found. */
export function replaceTable(text, runtimes, rows, found) {
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  const head = line(['', ...runtimes.map(columnOf)]) + `|---${'|---'.repeat(runtimes.length)}|\n`;
  const body = rows.map((row) =>
    line([
      row,
      ...runtimes.map(({ name }) => cellOf([...found.get(name)].map(([user, all]) => [user, all.get(row)]))),
    ]),
  );
  return text.replace(pattern, () => `${BEGIN}${head}${body.join('')}${END}`);
}
