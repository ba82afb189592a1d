// The results as tables: aligned text for a terminal, Markdown for a README.
import { baseline } from './measure.mjs';
import { count, percent, ratio, time } from './statistics.mjs';

/** One scenario as rows of cells; the first row is the head. A row that was not measured has two cells. */
function cells(result, scenario) {
  const bases = Object.fromEntries(scenario.phases.map(({ key }) => [key, baseline(result, key)]));
  const compared = scenario.rows.some((row) => row.baseline);
  const best = (row) => row.phases.again?.median ?? row.phases.first?.median;
  const { against = '× C' } = scenario;
  const isCompared = ({ share }) => compared && !share;
  const head = [''];
  for (const phase of scenario.phases) head.push(phase.title, ...(isCompared(phase) ? [against] : []));
  if (scenario.rate) head.push(scenario.rate.title);
  const body = result.rows.map((row) => {
    if (row.reason) return [row.label, row.reason];
    const figures = scenario.phases.flatMap((phase) => {
      const value = row.phases[phase.key]?.median;
      const shown = phase.share ? percent(value) : time(value);
      return isCompared(phase) ? [shown, ratio(value, bases[phase.key])] : [shown];
    });
    if (scenario.rate) figures.push(count((scenario.rate.amount / best(row)) * 1e9));
    return [row.label, ...figures];
  });
  return [head, ...body];
}

function aligned(table) {
  const full = table.filter((row) => row.length > 2 || table[0].length === 2);
  const widths = table[0].map((_, column) => {
    const relevant = column === 0 ? table : full;
    return Math.max(...relevant.map((row) => row[column]?.length ?? 0));
  });
  const line = (row) => {
    if (row.length < table[0].length) return `${row[0].padEnd(widths[0])}  ${row[1]}`;
    return row.map((cell, i) => (i === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[i]))).join('  ');
  };
  return table.map((row) => line(row).trimEnd()).join('\n');
}

function markdownTable(table) {
  const width = table[0].length;
  const line = (row) => `| ${[...row, ...Array(width - row.length).fill('')].join(' | ')} |`;
  const rule = `|---|${'---:|'.repeat(width - 1)}`;
  return [line(table[0]), rule, ...table.slice(1).map(line)].join('\n');
}

export function textTable(result, scenario) {
  return `${result.name}: ${result.title}\n${aligned(cells(result, scenario))}\n`;
}

export function textGoals(list) {
  if (list.length === 0) return '';
  return `goals\n${aligned(list.map(({ text, status, shown }) => [text, status.padEnd(12), shown]))}\n`;
}

export function markdown(record, scenarios) {
  const { host } = record;
  const tables = record.results.map((result) => {
    const scenario = scenarios.find(({ name }) => name === result.name);
    return `**${result.title}** (\`${result.name}\`)\n\n${markdownTable(cells(result, scenario))}\n`;
  });
  const goals = record.goals.map(({ text, status, shown }) => [text, status, shown]);
  const reached = goals.length ? [`${markdownTable([['goal', '', 'measured'], ...goals])}\n`] : [];
  const where = `Medians of ${record.runs} runs on Linux ${host.kernel}, ${host.cpu} (${host.cores} cores), Node ${host.node}.\n`;
  return [where, ...tables, ...reached].join('\n');
}
