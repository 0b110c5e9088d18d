// Sphinx's scores of search results, with the pages of single objects first: who searches for a parameter wants its unit.
var Scorer = {
  score: ([docname, , , , score]) => (docname.startsWith("api/") ? score + 10 : score),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
