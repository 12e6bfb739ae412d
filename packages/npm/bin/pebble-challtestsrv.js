#!/usr/bin/env node
// Runs `selvedge pebble-challtestsrv`.
'use strict';
process.argv.splice(2, 0, 'pebble-challtestsrv');
require('./selvedge.js');
