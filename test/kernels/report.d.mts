export interface Run {
  user: string;
  exit?: number;
  passed?: number;
  failed?: number;
  skipped?: number;
  seconds?: number;
}
export interface Outcome {
  kernel: string;
  users: Run[];
  error?: Error;
}
export function summarize(outcomes: Outcome[]): { table: string; ok: boolean };
