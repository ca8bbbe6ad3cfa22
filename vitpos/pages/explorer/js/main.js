'use strict';
document.getElementById('facts').textContent =
  JSON.stringify(JSON.parse(document.getElementById('meta').textContent), null, 1);
