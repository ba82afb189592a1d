// What nsnet wants to reach. Shown, never asserted: a machine may be slow or busy.
import { baseline } from './measure.mjs';
import { ratio, time } from './statistics.mjs';

const WARM_AND_COLD = ['first', 'again'];
const LOOP_LIMIT = 10e6;

const figure = (result, peer, key) => result?.rows.find((row) => row.peer === peer)?.phases[key]?.median;

function goal(text, value, limit, met, shown) {
  const measured = value !== undefined && limit !== undefined;
  return {
    text,
    status: measured ? (met ? 'met' : 'not met') : 'not measured',
    shown: measured ? shown() : '',
  };
}

function star(result) {
  return WARM_AND_COLD.flatMap((key) => {
    const own = figure(result, 'nsnet', key);
    const c = baseline(result, key);
    const go = figure(result, 'go', key);
    return [
      goal(`star, ${key}: at most 1.15 × C`, own, c, own <= 1.15 * c, () => `${ratio(own, c)} × C`),
      goal(`star, ${key}: faster than Go`, own, go, own < go, () => `${time(own)} against ${time(go)}`),
    ];
  });
}

// Beside the C that, as nsnet does, has an answer for each request.
function routes(result) {
  return WARM_AND_COLD.map((key) => {
    const own = figure(result, 'nsnet', key);
    const c = result.rows.find((row) => row.label.includes('an ack each'))?.phases[key]?.median;
    const text = `routes, ${key}: at least 0.8 × the rate of C in batches, an ack each`;
    return goal(text, own, c, c / own >= 0.8, () => `${ratio(c, own)} × the rate`);
  });
}

function dump(result) {
  const json = result.rows.find((row) => row.label === 'ip -j route')?.phases.first?.median;
  return WARM_AND_COLD.map((key) => {
    const own = figure(result, 'nsnet', key);
    const shown = () => `${time(own)} against ${time(json)}`;
    return goal(`dump, ${key}: faster than ip -j route`, own, json, own < json, shown);
  });
}

function mounts(result) {
  const own = result.rows.find(({ peer }) => peer === 'nsnet').phases;
  return Object.keys(own).map((key) => {
    const [, when, lowers] = /^(\D+)(\d+)$/.exec(key);
    const c = baseline(result, key);
    const value = own[key].median;
    const text = `mounts, ${lowers} lower, ${when}: at most 1.3 × C`;
    return goal(text, value, c, value <= 1.3 * c, () => `${ratio(value, c)} × C`);
  });
}

// Time in which other programs had the processors and V8's pauses are no lock's and no transport's: heldMax leaves
// them out.
function loop(result) {
  return result.rows.slice(1).map((row) => {
    const held = row.phases.heldMax?.median;
    const text = `loop, ${row.label}: at most 10 ms`;
    return goal(text, held, LOOP_LIMIT, held <= LOOP_LIMIT, () => time(held));
  });
}

const of = { star, routes, dump, mounts, loop };

export const goals = (results) => results.flatMap((result) => of[result.name]?.(result) ?? []);
