/** What a reader has to know to weigh the report. */
export function assumptions(): string[] {
  return [
    "Nothing of the audited code was executed or installed; types were not checked. What is decided at run time only (reflection, generated code, configuration of a platform) is not seen.",
    "A key counts as stable if everything in it comes from the data of the call; whether that data is unique per operation, a person has to say.",
    "A unique index in a database is not visible: an insert of an event id before the effect is taken to be unique.",
    "What providers promise about their keys is taken from their documentation and packages, as of the date of the catalogue.",
    "A call that no path reaches may still be repeated by something outside this folder.",
  ];
}
