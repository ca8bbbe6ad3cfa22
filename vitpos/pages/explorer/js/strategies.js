'use strict';
// All strategies of the file, family by family, and what is said of the one that is chosen.

function buildStrategies() {
  const place = byId('strategies');
  place.replaceChildren(...armsByKind().map(([kind, members], i) => make('div',
    {role: 'group', class: 'family', 'aria-labelledby': `family-${i}`},
    make('span', {class: 'kind', id: `family-${i}`}, kind),
    make('span', {class: 'members'}, members.map(strategyButton)))));
  place.addEventListener('click', event => {
    const button = event.target.closest('[data-strategy]');
    if (button) choose({strategy: button.dataset.strategy});
  });
  roving(place, '[data-strategy]');
  panel('strategy', drawStrategy);
}

function strategyButton(one) {
  const canvas = make('canvas', {'aria-hidden': 'true'});
  paintSwatch(canvas, one);
  return make('button', {type: 'button', role: 'radio', 'data-strategy': one.name}, canvas,
    one.name);
}

/** The mean kernel of all layers and heads, so that one knows a strategy again. */
function paintSwatch(canvas, one) {
  const array = one.kernel?.values;
  if (!array) {
    canvas.hidden = true;
    return;
  }
  const [layers, heads, height, width] = array.shape;
  const values = meanOfParts(valuesOf(array), layers * heads);
  paintValues(canvas, {width, height, values, ...scaleOf(values, true)});
}

/** The mean of so many equal parts, of those that are numbers: a head may be blind somewhere. */
function meanOfParts(values, count) {
  const size = values.length / count;
  const sums = new Float64Array(size);
  const counts = new Float64Array(size);
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) continue;
    sums[i % size] += values[i];
    counts[i % size] += 1;
  }
  return sums.map((sum, i) => sum / counts[i]);
}

function drawStrategy() {
  const one = arm();
  markChosen(byId('strategies'), '[data-strategy]', 'aria-checked',
    button => button.dataset.strategy === one.name);
  byId('strategy-name').textContent = one.name;
  byId('strategy-family').textContent = one.kind || one.family || '';
  byId('strategy-description').textContent = one.words.description ?? '';
  rebuild(byId('strategy-facts'), factsOf(one).map(([name, value, note]) => make('div', {},
    make('dt', {}, name), make('dd', {}, value, note && make('small', {}, note)))));
  rebuild(byId('words'), wordsOf(one.words));
  rebuild(byId('details'), detailsOf(one));
  for (const place of document.querySelectorAll('[data-source]')) {
    place.textContent = sourceOf(one);
  }
}

/** The few numbers that one asks for first. */
function factsOf(one) {
  const {results = {}, cost = {}} = one;
  const interval = isNumber(results.low)
    ? `95 % interval ${sayMetric(results.metric, results.low)} to ${sayMetric(results.metric, results.high)}`
    : 'too few seeds for an interval';
  return [
    [metricWords(results.metric), sayMetric(results.metric, results.mean),
      results.n ? `${counted(results.n, 'seed')}; ${interval}` : null],
    ['position learns', counted(cost.params_embedding ?? NaN, 'number'),
      `of ${sayCount(cost.params)} in the network`],
    ['operations', `${saySize(cost.flops_per_image)}`, 'FLOPs per image'],
    ['training', sayTime(cost.train_seconds),
      cost.images_per_second ? `${sayCount(cost.images_per_second)} images per second` : null],
  ];
}

function wordsOf(words) {
  return [
    words.explanation ? paragraph(words.explanation) : null,
    make('div', {class: 'sides'},
      listOf('In its favour', words.pros, 'pros'), listOf('Against it', words.cons, 'cons')),
    definitions([
      ['Formula', words.formula && make('code', {}, words.formula)],
      ['Acts on', words.acts],
      ['Learns', words.learns],
      ['On a new grid', words.new_grid],
      ['Also called', words.known_as],
      ['Paper', words.paper],
    ]),
  ];
}

function listOf(title, items, kind) {
  if (!items?.length) return null;
  return make('div', {class: kind}, make('h4', {}, title),
    make('ul', {}, items.map(text => make('li', {}, text))));
}

/** A list of terms, without those that have nothing to say. */
function definitions(pairs) {
  const said = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return make('dl', {class: 'definitions'},
    said.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));
}

function sourceOf(one) {
  const {run, seed, step, commit, digest} = one.provenance ?? {};
  const said = [
    run && `run ${run}`,
    isNumber(seed) && `seed ${seed}`,
    isNumber(step) && `step ${sayCount(step)}`,
    commit && `commit ${String(commit).slice(0, 10)}`,
    digest && `data ${String(digest).slice(0, 10)}`,
  ];
  return `From ${said.filter(Boolean).join(', ')}.`;
}
