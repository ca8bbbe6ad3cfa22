'use strict';
// What becomes of N with other patches, and the runs of this file that have them.

function patchSizes(here) {
  const [height, width] = here.size;
  const rows = cutsOf(here).map(side => {
    const count = (height / side) * (width / side);
    const tokens = count + here.prefix.length;
    return make('tr', {class: side === here.patch ? 'chosen' : null},
      make('th', {scope: 'row'}, cutButton(here, side)),
      [`${height / side} × ${width / side}`, sayCount(count), sayCount(tokens),
        sayCount(tokens * tokens), sayCount(side * side * here.channels)]
        .map(text => make('td', {}, text)),
      make('td', {class: 'words'}, runsWithPatch(here, side)));
  });
  const heads = ['patch', 'grid', 'N', 'tokens', 'pairs in attention', 'numbers in a patch',
    'strategies here'];
  return make('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Patch sizes'},
    make('table', {class: 'plain'},
      make('caption', {}, `Every patch that divides ${height} × ${width} pixels`),
      make('thead', {}, make('tr', {}, heads.map(text => make('th', {scope: 'col'}, text)))),
      make('tbody', {}, rows)));
}

function cutButton(here, side) {
  const chosen = side === (state.cut || here.patch);
  return make('button', {type: 'button', 'data-key': `cut-${side}`, 'aria-pressed': String(chosen),
    onclick: () => choose({cut: side === here.patch ? 0 : side})}, `${side} × ${side}`);
}

/** Strategies of this file on the same data with such patches, to go to. */
function runsWithPatch(here, side) {
  if (side === here.patch) return 'the one shown';
  const found = arms().filter(one => {
    const its = frameOf(one);
    return its.dataset === here.dataset && its.patch === side;
  });
  return found.map(one => make('button', {type: 'button', class: 'quiet',
    'data-key': `go-${one.name}`, onclick: () => choose({strategy: one.name, cut: 0})}, one.name));
}
