'use strict';
// Two strategies side by side, and what the one has more than the other.

function buildVersus() {
  byId('choose-swap').addEventListener('click', () => {
    choose({strategy: state.versus, versus: state.strategy});
  });
  panel('strategy versus image patch layer head query range channel', drawVersus);
}

function drawVersus() {
  const [one, two] = [arm(), other()];
  byId('choose-swap').hidden = !two;
  byId('versus-source').textContent = two ? sourceOf(two) : '';
  if (!two) {
    rebuild(byId('versus-words'), addedNothing('There is one strategy in this file. Make a report of '
      + 'several runs, and two of them stand here side by side.'));
    arrange(byId('versus-pictures'), []);
    return;
  }
  const rows = [similarityPair, kernelPair, attentionPair, tablePair]
    .map(pair => pair(one, two)).filter(Boolean);
  rebuild(byId('versus-words'), [
    paragraph(`${one.name} and ${two.name} on the same image, patch, layer, head and query, in `
      + `shared colours, and what ${one.name} has more (purple) or less (orange).`),
    resultsPair(one, two)]);
  arrange(byId('versus-pictures'), rows);
}

function resultsPair(one, two) {
  const told = ({name, results}) => `${name}: ${sayMetric(results?.metric, results?.mean)}`
    + `${isNumber(results?.low) ? ` (${sayMetric(results.metric, results.low)} to ${sayMetric(results.metric, results.high)})` : ''}`;
  const metric = one.results?.metric;
  if (!metric || metric !== two.results?.metric) return null;
  return paragraph(`${capital(metricWords(metric))}: ${told(one)}; ${told(two)}. Whether that is a difference, the table `
    + 'of the report says: it compares seed by seed.', 'note');
}

/** Three pictures in a row: one, the other, and the difference where they have the same shape. */
function trio(name, title, why, [one, two], told) {
  const place = pictureRow(name);
  const same = one.width === two.width && one.height === two.height;
  const difference = same && told.comparable !== false && {...one, marks: told.marks ?? one.marks,
    values: minus(one.values, two.values)};
  const scaled = difference && {...difference, ...scaleOf(difference.values, true), unit: told.unit};
  place.title.textContent = title;
  place.why.textContent = why;
  place.why.hidden = !why;
  arrange(place.pictures, [
    picture(`${name}-one`, {...told, ...one, caption: arm().name}),
    picture(`${name}-two`, {...told, ...two, caption: other().name}),
    scaled ? picture(`${name}-difference`, {...told, ...scaled, palette: 'PuOr',
      caption: `${arm().name} ${MINUS} ${other().name}`}) : null,
  ]);
  return place.node;
}

const rowsOfPictures = new Map();

function pictureRow(name) {
  if (!rowsOfPictures.has(name)) {
    const parts = {title: make('h3'), why: make('p', {class: 'absent'}),
      pictures: make('div', {class: 'pictures'})};
    parts.node = make('div', {class: 'trio', 'data-row': name}, parts.title, parts.why, parts.pictures);
    rowsOfPictures.set(name, parts);
  }
  return rowsOfPictures.get(name);
}

/** The patch of the other grid at the same place of the image. */
function patchOn(someFrame) {
  const [rows, cols] = someFrame.grid;
  const [ownRows, ownCols] = frame().grid;
  const row = Math.floor(((Math.floor(state.patch / ownCols) + 0.5) / ownRows) * rows);
  const col = Math.floor((((state.patch % ownCols) + 0.5) / ownCols) * cols);
  return row * cols + col;
}

function gridPicture(someFrame, values) {
  const grid = onTheGrid(someFrame);
  const patch = patchOn(someFrame);
  return {...grid, values, marks: [{col: patch % grid.width, row: Math.floor(patch / grid.width)}],
    cell: cellFor(grid.width, grid.height, 200)};
}

function whyNot(one, two) {
  const [a, b] = [frameOf(one).grid, frameOf(two).grid];
  return a[0] === b[0] && a[1] === b[1] ? ''
    : `Their grids differ, ${a.join(' × ')} and ${b.join(' × ')}: there is no difference to draw.`;
}

function similarityPair(one, two) {
  if (!one.similarity || !two.similarity) return null;
  const of = some => {
    const {at} = nearestBlock(some, chosenLayer(some));
    return gridPicture(frameOf(some), valuesOf(some.similarity, at, patchOn(frameOf(some))));
  };
  const both = [of(one), of(two)];
  return trio('versus-similarity', 'How alike places are to the chosen one, after the chosen layer',
    whyNot(one, two), both, {...sharedScale(both, COSINE)});
}

/** The same colours for both; `fixed` unless readers want all contrast. */
function sharedScale([one, two], fixed) {
  if (state.range !== 'own') return fixed;
  const [low, high] = extent([...one.values, ...two.values]);
  const reach = Math.max(-low, high);
  return fixed.palette === 'PuOr' ? {...fixed, low: -reach, high: reach} : {...fixed, low, high};
}

function kernelPair(one, two) {
  if (!one.kernel?.values || !two.kernel?.values) return null;
  const of = some => {
    const array = some.kernel.values;
    const [layers, , height, width] = array.shape;
    return {width, height, values: turned(mapOf(array, Math.min(state.layer, layers - 1))),
      place: (col, row) => offsetWords(row, col, height, width), heads: offsetHeads(height, width),
      marks: [{col: (width - 1) / 2, row: (height - 1) / 2, kind: 'query'}],
      unknown: (col, row) => whyNoLogit(row, col, height, width), cell: cellFor(width, height, 200)};
  };
  const both = [of(one), of(two)];
  const [low, high] = extent([...both[0].values, ...both[1].values]);
  const reach = Math.max(-low, high);
  return trio('versus-kernel', `Mean logit by offset, ${headWords(one.kernel.values.shape[1])}`,
    whyNot(one, two), both, {low: -reach, high: reach, palette: 'PuOr', unit: 'logit'});
}

function attentionPair(one, two) {
  const has = some => some.attention?.values && state.image < some.attention.values.shape[0];
  if (!has(one) || !has(two)) return null;
  const asked = some => askedOn(some, patchOn(frameOf(some)));
  if (asked(one) === null || asked(two) === null) return null;
  const of = some => {
    const found = attentionOf(some, asked(some));
    const weights = weightsOf(found, Math.min(state.layer, found.layers - 1));
    return gridPicture(frameOf(some), weights.subarray(frameOf(some).prefix.length));
  };
  const both = [of(one), of(two)];
  const high = Math.max(...both.map(({values}) => extent(values)[1]));
  return trio('versus-attention', `Attention of the query on this image, ${headWords(one.attention.values.shape[2])}`,
    whyNot(one, two), both, {low: 0, high, palette: 'cividis', unit: 'weight'});
}

/** The row of the chosen query, null if it is not there. */
function askedOn(some, cell) {
  const here = frameOf(some);
  const token = state.query === 'patch' || !here.prefix.includes(state.query)
    ? tokenOfPatch(here, cell) : here.prefix.indexOf(state.query);
  const {queries} = some.attention;
  if (!queries) return token;
  return queries.includes(token) ? queries.indexOf(token) : null;
}

function tablePair(one, two) {
  const tables = [one, two].map(some => some.objects.find(({kind}) => kind === 'table'));
  if (tables.some(found => !found)) return null;
  const of = (some, {now, grid}) => {
    const [cells, dim] = now.shape;
    if (state.channel >= dim || grid && grid.join() !== frameOf(some).grid.join()) return null;
    const values = valuesOf(now);
    return gridPicture(frameOf(some),
      Float64Array.from({length: cells}, (_, cell) => values[cell * dim + state.channel]));
  };
  const both = [of(one, tables[0]), of(two, tables[1])];
  if (both.includes(null)) return null;
  const [low, high] = extent([...both[0].values, ...both[1].values]);
  const reach = Math.max(-low, high);
  return trio('versus-table', `Position vectors on the image, dimension ${state.channel}`,
    whyNot(one, two), both, {low: -reach, high: reach, palette: 'PuOr', unit: ''});
}
