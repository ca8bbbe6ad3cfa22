'use strict';
// Technical details of one strategy: the sequence that enters the network, in the sizes of its run.

function detailsOf(one) {
  const here = frameOf(one);
  const cells = cellsOf(here);
  const tokens = cells + here.prefix.length;
  const numbers = numbersOfPatch(one);
  const {cost = {}} = one;
  return [
    sumOfTokens(one, here),
    definitions([
      ['Image', `${here.size[0]} × ${here.size[1]} pixels, ${counted(here.channels, 'channel')}`],
      ['Patch', `${here.patch} × ${here.patch} pixels (${here.kind}): x_p has ${sayCount(numbers)} numbers`],
      ['N', `${here.grid[0]} × ${here.grid[1]} = ${counted(cells, 'patch').replace('patchs', 'patches')}`],
      ['Sequence', `${counted(tokens, 'token')}`
        + `${here.prefix.length ? `: ${here.prefix.join(', ')} and the patches` : ', all of them patches'}`],
      ['E', here.kind === 'linear' ? `${sayCount(numbers)} × ${sayCount(here.dim)}` : `patches of kind ${here.kind}`],
      ['E_pos', one.objects.some(({kind}) => kind === 'table')
        ? `${sayCount(cells)} × ${sayCount(here.dim)}${here.prefix.length ? ', for the patches' : ''}`
        : 'none: see what it acts on'],
      ['Network', networkWords(here)],
      ['Parameters', `${sayCount(cost.params)}, of which position has ${sayCount(cost.params_embedding)}`],
      ['Operations', `${saySize(cost.flops_per_image)} FLOPs for an image`],
    ]),
    probesOf(one),
  ];
}

/** What is known of the answer at other sizes of the image, and of position, in a list to open. */
function probesOf({probes = {}}) {
  const numbers = flatNumbers(probes.numbers ?? {});
  if (!numbers.length) return null;
  return make('details', {class: 'numbers'},
    make('summary', {}, `${counted(numbers.length, 'number')} that probes have measured`),
    make('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Measured by probes'},
      make('table', {}, make('tbody', {}, numbers.map(([name, value]) => make('tr', {},
        make('th', {scope: 'row'}, name), make('td', {}, say(value, 4))))))));
}

/** z0 = [x_class; x_p1 E; x_p2 E; ...] + E_pos, as far as it holds for this run. */
function sumOfTokens(one, here) {
  const sub = (letter, index) => [letter, make('sub', {}, index)];
  const prefix = here.prefix.flatMap(name => [...sub('x', name), '; ']);
  const last = String(cellsOf(here));
  const patches = [...sub('x', 'p1'), ' E; ', ...sub('x', 'p2'), ' E; … ; ', ...sub('x', `p${last}`), ' E'];
  const adds = one.objects.some(({kind, layer}) => kind === 'table' && !layer);
  return make('p', {class: 'formula'}, ...sub('z', '0'), ' = [', ...prefix, ...patches, ']',
    adds ? [' + ', ...sub('E', 'pos')] : null);
}

function networkWords(here) {
  if (here.stages?.length) return `${here.stages.length} stages, ${counted(here.depth, 'layer')} with attention`;
  return `${counted(here.depth, 'layer')} of ${here.dim} channels in ${counted(here.heads, 'head')}, `
    + `read by ${here.pool}`;
}

/** Numbers by name, however deep. */
function flatNumbers(probes, before = '') {
  return Object.entries(probes).flatMap(([key, value]) => {
    const name = before ? `${before}, ${key}` : key;
    if (isNumber(value)) return [[name, value]];
    return value && typeof value === 'object' ? flatNumbers(value, name) : [];
  });
}
