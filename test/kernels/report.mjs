// The summary at the end of a run.
const columns = ['kernel', 'user', 'passed', 'failed', 'skipped', 'seconds', 'result'];
const users = ['root', 'user'];

/** outcomes of runKernel → { table, ok }. A user whose tests never ran or never ended has failed. */
export function summarize(outcomes) {
  const rows = outcomes.flatMap(({ kernel, users: runs, error }) =>
    users.map((user) => {
      const run = runs.find((candidate) => candidate.user === user);
      const result = verdict(run, error);
      const counts = ['passed', 'failed', 'skipped'].map((key) => run?.[key] ?? '-');
      return { result, cells: [kernel, user, ...counts, run?.seconds?.toFixed(0) ?? '-', result] };
    }),
  );
  const lines = [columns, ...rows.map(({ cells }) => cells)].map((cells) => cells.map(String));
  const widths = columns.map((_, column) => Math.max(...lines.map((cells) => cells[column].length)));
  const table = lines.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
  return { table: table.join('\n'), ok: rows.length > 0 && rows.every(({ result }) => result === 'ok') };
}

function verdict(run, error) {
  if (!run) return 'did not run';
  if (run.exit === undefined) return error ? 'did not end' : 'no result';
  if (run.exit !== 0) return `exit code ${run.exit}`;
  return run.failed === 0 ? 'ok' : 'no result';
}
