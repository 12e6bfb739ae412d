#!/usr/bin/env node
// Runs `selvedge pebble`.
'use strict';
process.argv.splice(2, 0, 'pebble');
require('./selvedge.js');
