'use strict';
// The picture with its patches: chosen, carried and dragged by pointer or keyboard.

const WAYS = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};

/**
 * A canvas under a grid of buttons, one for each patch. `actions` are told what is asked for:
 * choose(cell), carry(from, to) while a patch is on its way, drop(), back().
 */
function newBoard(live, actions) {
  const [rows, cols] = live.grid;
  const canvas = make('canvas', {'aria-hidden': 'true', 'data-picture': 'live-image'});
  const cells = Array.from({length: rows * cols}, (_, cell) => make('button', {
    type: 'button', role: 'gridcell', tabindex: -1, 'data-cell': cell,
  }));
  const lines = Array.from({length: rows}, (_, row) => make('div', {role: 'row'},
    cells.slice(row * cols, (row + 1) * cols)));
  const grid = make('div', {role: 'grid', class: 'live-cells', 'aria-label': 'Patches of the picture',
    'aria-describedby': 'live-keys'}, lines);
  grid.style.gridTemplateColumns = `repeat(${cols}, 1fr)`;
  const node = make('div', {class: 'live-board'}, canvas, grid);
  node.style.aspectRatio = `${live.size[1]} / ${live.size[0]}`;
  const board = {live, canvas, grid, cells, node, lifted: null, dragged: null, chosen: 0, actions};
  grid.addEventListener('keydown', event => onBoardKey(board, event));
  listenToDrags(board);
  return board;
}

function onBoardKey(board, event) {
  const way = WAYS[event.key];
  const {actions} = board;
  if (way) moveOnBoard(board, way);
  else if (event.key === ' ' || event.key === 'Enter') liftOrDrop(board);
  else if (event.key === 'Escape' && board.lifted !== null) {
    const home = board.lifted;
    board.lifted = null;
    actions.back();
    actions.choose(home);
    focusCell(board, home);
  } else return;
  event.preventDefault();
}

function moveOnBoard(board, [down, right]) {
  const [rows, cols] = board.live.grid;
  const row = Math.floor(board.chosen / cols) + down;
  const col = board.chosen % cols + right;
  if (row < 0 || col < 0 || row >= rows || col >= cols) return;
  const to = row * cols + col;
  if (board.lifted !== null) board.actions.carry(board.lifted, to);
  board.actions.choose(to);
  focusCell(board, to);
}

function liftOrDrop(board) {
  if (board.lifted === null) {
    board.lifted = board.chosen;
  } else {
    board.lifted = null;
    board.actions.drop();
  }
  board.actions.choose(board.chosen);
}

function focusCell(board, cell) {
  board.cells[cell].focus({preventScroll: true});
}

function listenToDrags(board) {
  const {grid, actions} = board;
  grid.addEventListener('pointerdown', event => {
    const cell = cellUnder(board, event);
    board.dragged = cell;
    grid.setPointerCapture(event.pointerId);
    actions.choose(cell);
    focusCell(board, cell);
  });
  grid.addEventListener('pointermove', event => {
    if (board.dragged === null) return;
    const cell = cellUnder(board, event);
    if (cell === board.chosen) return;
    actions.carry(board.dragged, cell);
    actions.choose(cell);
  });
  grid.addEventListener('pointerup', () => endDrag(board, actions.drop));
  grid.addEventListener('pointercancel', () => endDrag(board, actions.back));
}

function endDrag(board, end) {
  if (board.dragged === null) return;
  board.dragged = null;
  end();
  focusCell(board, board.chosen);
}

/** The cell at the pointer; the nearest, if it left the picture. */
function cellUnder({node, live}, event) {
  const [row, col] = placeUnder(node, event).map((part, axis) =>
    clamp(Math.floor(part * live.grid[axis]), live.grid[axis]));
  return row * live.grid[1] + col;
}

/** How far down and right the pointer is, 0..1 inside. */
function placeUnder(node, event) {
  const area = node.getBoundingClientRect();
  return [(event.clientY - area.top) / area.height, (event.clientX - area.left) / area.width];
}

function showBoard(board, {shown, chosen, words, drawing}) {
  const {live, canvas, cells, grid} = board;
  paintPixels(canvas, {width: live.size[1], height: live.size[0], pixels: shown.pixels,
    channels: live.channels});
  board.chosen = chosen;
  grid.hidden = drawing;
  cells.forEach((cell, i) => {
    cell.tabIndex = i === chosen ? 0 : -1;
    cell.setAttribute('aria-selected', String(i === chosen));
    cell.setAttribute('aria-label', words(i) + (i === board.lifted ? ', lifted' : ''));
    cell.classList.toggle('lifted', i === chosen && (board.lifted ?? board.dragged) !== null);
    cell.dataset.told = shown.told[i] === i ? '' : String(shown.told[i]);
  });
}
