// What nsnet wants to reach. Shown, never asserted: a machine may be slow or busy.
import { baseline } from './measure.mjs';
import { ratio, time } from './statistics.mjs';

const WARM_AND_COLD = ['first', 'again'];
const LOOP_LIMIT = 10e6;
const CONNECT_LIMIT = 3e6;
const COPIED = { small: '10,000 files', large: '1 GiB' };

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
  const aside = result.rows.find(({ label }) => label.includes('another thread')).phases;
  return Object.keys(own).map((key) => {
    const [, when, lowers] = /^(\D+)(\d+)$/.exec(key);
    const c = baseline(result, key);
    const value = own[key].median;
    const text = `mounts, ${lowers} lower, ${when}: at most 1.3 × C`;
    const shown = () => `${ratio(value, c)} × C, ${ratio(value, aside[key]?.median)} × by another thread`;
    return goal(text, value, c, value <= 1.3 * c, shown);
  });
}

function spawn(result) {
  const own = (label) => result.rows.find((row) => row.label === label)?.phases.againisolated?.median;
  const c = baseline(result, 'againisolated');
  const [value, big] = [own('nsnet'), own('nsnet, with 2 GiB of heap')];
  const others = result.rows.filter(({ peer }) => peer !== 'c' && peer !== 'nsnet');
  return [
    goal(
      'spawn in namespaces, again: at most 1.3 × C',
      value,
      c,
      value <= 1.3 * c,
      () => `${ratio(value, c)} × C`,
    ),
    goal(
      'spawn in namespaces: whatever the heap',
      big,
      value,
      big <= 1.2 * value,
      () => `${ratio(big, value)} ×`,
    ),
    ...others.map(({ label, phases }) => {
      const other = phases.againisolated?.median;
      const shown = () => `${time(value)} against ${time(other)}`;
      return goal(`spawn in namespaces: faster than ${label}`, value, other, value < other, shown);
    }),
  ];
}

function namespaces(result) {
  const lsns = figure(result, 'lsns', 'first');
  return WARM_AND_COLD.map((key) => {
    const own = figure(result, 'nsnet', key);
    const shown = () => `${time(own)} against ${time(lsns)}`;
    return goal(`namespaces, ${key}: faster than lsns -J`, own, lsns, own < lsns, shown);
  });
}

// Rates, so the other way round.
function sockets(result) {
  const row = (label) => result.rows.find((one) => one.label === label)?.phases;
  return Object.entries({ stream: 'throughput of a stream', connect: 'connections a second' }).map(
    ([key, what]) => {
      const own = row('nsnet, two processes')?.[key]?.median;
      const plain = baseline(result, key);
      const shown = () => `${ratio(plain, own)} ×`;
      return goal(
        `sockets, ${what}: at least 0.98 × under ip netns exec`,
        own,
        plain,
        plain / own >= 0.98,
        shown,
      );
    },
  );
}

function networks(result) {
  const own = (key) => figure(result, 'nsnet', key);
  const [few, thousand] = [own('fewtraffic'), own('thousandtraffic')];
  const stream = own('streamtraffic');
  const byHand = baseline(result, 'streamtraffic');
  return [
    ...Object.entries({ one: 'one by one', many: '64 at a time' }).map(([key, how]) => {
      const value = own(`${key}connect`);
      const text = `networks, a container, ${how}: at most 3 ms`;
      return goal(text, value, CONNECT_LIMIT, value <= CONNECT_LIMIT, () => time(value));
    }),
    goal(
      'networks, a connection with 1,000 ports: at most 1.05 × with 2',
      thousand,
      few,
      thousand <= 1.05 * few,
      () => `${ratio(thousand, few)} ×`,
    ),
    goal(
      'networks, throughput of a stream: at least 0.97 × by hand',
      stream,
      byHand,
      byHand / stream >= 0.97,
      () => `${ratio(byHand, stream)} ×`,
    ),
  ];
}

function copy(result) {
  const cp = result.rows.find(({ label }) => label === 'cp -a').phases;
  return Object.entries(COPIED).flatMap(([part, what]) =>
    WARM_AND_COLD.map((when) => {
      const own = figure(result, 'nsnet', when + part);
      const limit = cp[when + part]?.median;
      const text = `copy, ${what}, ${when}: at most 1.0 × cp -a`;
      return goal(text, own, limit, own <= limit, () => `${ratio(own, limit)} × cp -a`);
    }),
  );
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

const of = { networks, sockets, star, routes, dump, mounts, copy, spawn, namespaces, loop };

export const goals = (results) => results.flatMap((result) => of[result.name]?.(result) ?? []);
