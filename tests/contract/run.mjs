// Runs one sample: node run.mjs NAME '{"text in the sample": "text to send", …}'

import * as records from "./samples.mjs";
import * as runs from "./samples_of_runs.mjs";

await { ...records, ...runs }[process.argv[2]]();
