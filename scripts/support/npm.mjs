import { realpathSync } from 'node:fs';
import { findTool } from './find-tool.mjs';

/** npm as a program for node: the one that runs this script, or the one on PATH. */
export function npmProgram() {
  const program = process.env.npm_execpath ?? findTool('npm');
  if (!program) throw new Error('npm is not on PATH');
  return realpathSync(program);
}
