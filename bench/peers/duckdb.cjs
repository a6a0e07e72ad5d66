// Runs standard input as SQL in DuckDB; with --version it tells which one.
// The package @duckdb/node-api is found by way of NODE_PATH.
const { readFileSync } = require("node:fs");
const { DuckDBInstance, version } = require("@duckdb/node-api");

async function main() {
  if (process.argv[2] === "--version") {
    console.log(version());
    return;
  }
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(readFileSync(0, "utf8"));
  connection.closeSync();
}

main();
