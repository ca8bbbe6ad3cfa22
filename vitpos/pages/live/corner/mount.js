'use strict';
// The live corner: a picture to change, and what the network makes of it.

const HELP = 'Drag a patch onto another to exchange them. By keyboard: arrows choose a patch, Space '
  + 'lifts it, arrows carry it, Space puts it down, Escape puts it back.';
const TELL_HELP = ' The picture stays as it is; the number in a patch is where the network is told '
  + 'that it lies.';
const PEN_HELP = 'Draw with the pointer. By keyboard: arrows move the pen (with Shift four pixels), '
  + 'Space puts it down and lifts it.';
const MODES = [['move', 'Move patches'], ['tell', 'Only tell it that patches are elsewhere'],
  ['draw', 'Draw']];

/**
 * Builds the corner in an empty section. `live` describes the network, `bytes` hold it, `images` are
 * [{index, label, pixels}] with pixels row by row, channels last, 0..255.
 */
function mount(section, live, bytes, images) {
  const cells = live.grid[0] * live.grid[1];
  const corner = {live, images, cells, image: 0, mode: 'move', chosen: middleOf(live), dark: false,
    history: newHistory(untouched(images[0], cells)), now: null, before: null,
    differences: [], times: []};
  corner.parts = partsOf(corner);
  section.classList.add('live');
  section.replaceChildren(corner.parts.intro,
    corner.parts.trouble, make('div', {class: 'live-columns'}, corner.parts.left, corner.parts.middle,
      corner.parts.right), corner.parts.worth);
  startNetwork(corner, bytes);
  refresh(corner);
}

function middleOf({grid: [rows, cols]}) {
  return Math.floor(rows / 2) * cols + Math.floor(cols / 2);
}

function partsOf(corner) {
  const {live} = corner;
  const again = () => refresh(corner);
  const board = newBoard(live, boardActions(corner));
  const sheet = newSheet(live, sheetActions(corner));
  board.node.append(sheet.node);
  const prediction = newPrediction();
  const attention = newAttention(live, again);
  const position = newPosition();
  const controls = newControls(corner);
  const keys = make('p', {class: 'note', id: 'live-keys'}, HELP);
  const penKeys = make('p', {class: 'note', id: 'live-pen-keys'}, PEN_HELP);
  const done = make('p', {class: 'unseen', role: 'status'});
  const check = paragraph('');
  return {
    board, sheet, prediction, attention, position, controls, keys, penKeys, done, check,
    intro: paragraph('This is the trained network of this run, computing here, in your browser. '
      + 'Change what it sees, and watch what it says.'),
    trouble: make('p', {role: 'alert', hidden: true}),
    left: make('div', {class: 'live-left'}, controls.top, board.node, controls.below, keys, penKeys, done),
    middle: make('div', {class: 'live-middle'}, make('h3', {}, 'Prediction'), prediction.node,
      position.node),
    right: make('div', {class: 'live-right'}, attention.node),
    worth: make('div', {class: 'live-worth'}, paragraph(parityWords(live)), check),
  };
}

function boardActions(corner) {
  const {history, cells} = corner;
  return {
    choose(cell) {
      corner.chosen = cell;
      refresh(corner);
    },
    carry(from, to) {
      const order = exchange(cells, from, to);
      preview(history, corner.mode === 'tell' ? retold(history.now, order)
        : reordered(corner.live, history.now, order));
      refresh(corner);
    },
    drop: () => finish(corner, 'Patches exchanged.'),
    back() {
      abandon(history);
      refresh(corner);
    },
  };
}

function sheetActions(corner) {
  return {
    stroke(from, to) {
      preview(corner.history, lined(corner.live, corner.history.shown, from, to, corner.dark));
      refresh(corner);
    },
    end: () => finish(corner, 'Drawn.'),
  };
}

function finish(corner, words) {
  settle(corner.history);
  corner.parts.done.textContent = words;
  refresh(corner);
}

/** A change that is done at once. */
function change(corner, picture, words) {
  preview(corner.history, picture);
  finish(corner, words);
}

function startNetwork(corner, bytes) {
  const {live, parts} = corner;
  const [from, to] = live.graph;
  const told = JSON.parse(new TextDecoder().decode(bytes.subarray(from, to)));
  corner.network = network(told, bytes, {
    answered: (answers, milliseconds, tag) => {
      const answer = named(live, answers);
      corner.times.push(milliseconds);
      tag(answer);
    },
    failed: why => {
      parts.trouble.hidden = false;
      parts.trouble.textContent = `The network cannot run in this browser: ${why}`;
    },
  });
  compareWithTorch(corner, examined(live, corner.images));
}

/** Asks about the images that torch was asked about, one after the other; then about the picture. */
function compareWithTorch(corner, [next, ...rest]) {
  const {live, network: asked, images, cells} = corner;
  if (!next) {
    if (corner.differences.length) {
      corner.parts.check.textContent = checkWords(corner.differences, corner.times);
    }
    chooseImage(corner, 0);
    return;
  }
  asked.ask(networkPixels(live, untouched(images[next.i], cells)), answer => {
    corner.differences.push(Math.max(...next.logits.map((logit, i) => Math.abs(logit - answer.logits[i]))));
    compareWithTorch(corner, rest);
  });
}

function chooseImage(corner, index) {
  const {live, images, cells, history} = corner;
  const first = untouched(images[index], cells);
  corner.image = index;
  Object.assign(history, newHistory(first));
  corner.network.ask(networkPixels(live, first), answer => {
    corner.before = corner.now = answer;
    corner.answered = first;
    refresh(corner);
  });
  refresh(corner);
}

/** Shows everything as it is now, and asks the network if the picture is new to it. */
function refresh(corner) {
  const {live, history, parts, chosen, mode} = corner;
  const {shown} = history;
  const drawing = mode === 'draw';
  showBoard(parts.board, {shown, chosen, drawing, words: cell => cellWords(corner, cell)});
  parts.sheet.node.hidden = !drawing;
  parts.keys.hidden = drawing;
  parts.keys.textContent = HELP + (mode === 'tell' ? TELL_HELP : '');
  parts.penKeys.hidden = !drawing;
  showControls(parts.controls, corner);
  if (corner.before && corner.asked !== shown) {
    corner.asked = shown;
    corner.network.ask(networkPixels(live, shown), answer => {
      corner.now = answer;
      corner.answered = shown;
      showAnswers(corner);
    });
  }
  showAnswers(corner);
}

/** The answer to what the network was last shown, which may be a moment behind the picture. */
function showAnswers(corner) {
  const {live, parts, now, before, chosen, answered} = corner;
  if (!now) return;
  const told = {live, shown: answered, now, before, chosen};
  showPrediction(parts.prediction, {live, now, before, label: answered.label});
  showAttention(parts.attention, told);
  showPosition(parts.position, told);
}

function cellWords({live, history}, cell) {
  const {from, told} = history.shown;
  const source = from[cell] === cell ? '' : `, from ${cellName(live, from[cell])}`;
  const place = told[cell] === cell ? '' : `, told to be ${cellName(live, told[cell])}`;
  return cellName(live, cell) + source + place;
}
