'use strict';
// All strategies of the file: every seed as a dot, their numbers, and where each card is from.

const PROVENANCE = ['run', 'seed', 'epochs', 'step', 'device', 'precision', 'vitpos', 'commit', 'tree',
  'checkpoint', 'digest'];

function buildAll() {
  panel('strategy', drawSeeds);
  panel('strategy', drawAllArms);
  panel('strategy', drawSources);
}

function ranked() {
  const value = one => (isNumber(one.results?.mean) ? one.results.mean : -Infinity);
  return [...arms()].sort((a, b) => value(b) - value(a));
}

function drawSeeds() {
  const shown = ranked().filter(({results}) => results?.values?.some(isNumber));
  if (!shown.length) {
    rebuild(byId('seeds-words'), addedNothing('There are no results in this file.'));
    arrange(byId('seeds-pictures'), []);
    return;
  }
  const {metric} = shown[0].results;
  rebuild(byId('seeds-words'), paragraph(`Each dot is a run with its own seed, the square is their `
    + `mean, and the line its 95 % interval where there are enough seeds for one. Strategies whose `
    + `intervals overlap may still differ: the report compares seed by seed.`));
  arrange(byId('seeds-pictures'), [stripOfSeeds(shown, metric)]);
}

function stripOfSeeds(shown, metric) {
  const row = i => shown.length - 1 - i;
  const told = value => sayMetric(metric, value);
  const all = shown.flatMap(({results}) => [...results.values, results.low, results.high]).filter(isNumber);
  const [low, high] = spread(all);
  const longest = Math.max(...shown.map(({name}) => name.length));
  return chart('seeds', {
    caption: `${capital(metricWords(metric))} of every seed`,
    height: 66 + 24 * shown.length, left: Math.min(190, 24 + 7.2 * longest), widest: 1100,
    x: {label: metricWords(metric), low, high, words: value => told(value).replace(`0${PERCENT}`, PERCENT)},
    y: {label: '', low: -0.5, high: shown.length - 0.5, ticks: shown.map((_, i) => row(i)),
      words: at => shorten(shown[row(at)].name, 24)},
    series: [
      {name: 'a seed', colour: 0, points: shown.flatMap(({name, results}, i) => results.values
        .map(value => ({x: value, y: row(i), name, chosen: name === state.strategy,
          words: `${name}, one seed: ${told(value)}`})))},
      {name: 'mean', colour: 1, points: shown.map(({name, results}, i) => ({x: results.mean,
        y: row(i), name, words: `${name}, mean of ${counted(results.n, 'seed')}: ${told(results.mean)}`}))},
    ],
    bars: shown.map(({results}, i) => ({y: row(i), low: results.low, high: results.high}))
      .filter(bar => isNumber(bar.low) && isNumber(bar.high)),
    rules: shown.flatMap(({name}, i) => (name === state.strategy ? [{y: row(i)}] : [])),
    pick: ({name}) => choose({strategy: name}), pickWords: 'shows the strategy',
  });
}

function shorten(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function drawAllArms() {
  const heads = ['strategy', 'family', 'result', '95 % interval', 'seeds', 'position learns',
    'parameters', 'FLOPs an image', 'training'];
  const rows = ranked().map(one => {
    const {results = {}, cost = {}} = one;
    const range = isNumber(results.low)
      ? `${sayMetric(results.metric, results.low).replace(PERCENT, '')} to ${sayMetric(results.metric, results.high)}`
      : 'too few seeds';
    const cells = [one.kind || one.family, sayMetric(results.metric, results.mean), range,
      sayCount(results.n), sayCount(cost.params_embedding), sayCount(cost.params),
      saySize(cost.flops_per_image), sayTime(cost.train_seconds)];
    return make('tr', {class: one === arm() ? 'chosen' : null},
      make('th', {scope: 'row'}, make('button', {type: 'button', class: 'quiet',
        'data-key': `arm-${one.name}`, onclick: () => choose({strategy: one.name})}, one.name)),
      cells.map((text, i) => make('td', {class: i === 0 ? 'words' : null}, text ?? '')));
  });
  rebuild(byId('all-arms'), make('table', {class: 'plain'},
    make('caption', {class: 'unseen'}, 'All strategies'),
    make('thead', {}, make('tr', {}, heads.map(text => make('th', {scope: 'col'}, text)))),
    make('tbody', {}, rows)));
}

/** Where the numbers of the chosen strategy come from, and what is not here. */
function drawSources() {
  const one = arm();
  const here = frame();
  const known = one.provenance ?? {};
  const names = [...PROVENANCE.filter(name => name in known),
    ...Object.keys(known).filter(name => !PROVENANCE.includes(name))];
  rebuild(byId('sources'), definitions([
    ['shown', 'the finished run with the lowest seed'],
    ...names.map(name => [name === 'digest' ? 'data' : name, sayFact(known[name])]),
    ['data set', `${here.dataset} (${here.name})`], ['made by', payload.meta.made_by],
  ]));
  const missing = [...(payload.meta.left_out ?? []),
    ...arms().flatMap(({name, missing: gone}) => (gone ?? []).map(text => `${name}: ${text}`))];
  rebuild(byId('left-out'), missing.length
    ? make('ul', {}, missing.map(text => make('li', {}, text)))
    : paragraph('Nothing: all that was measured is here.'));
}

function sayFact(value) {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return Number.isInteger(value) ? sayCount(value) : say(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
