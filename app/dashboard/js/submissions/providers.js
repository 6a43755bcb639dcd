// Where a lost job is looked for at each provider (docs/providers.md, "A submission is unknown").

const PROVIDERS = {
  fal: {
    name: "fal",
    looked: "in the list of this endpoint's requests, by what was asked for and when. Of two equal orders that were lost together neither can be told from it.",
    look: "Look through the requests of this endpoint in fal's dashboard, by time and prompt.",
  },
  aimlapi: {
    name: "AI/ML API",
    looked: "in the usage logs, by the id of this submission.",
    look: "Look through its usage logs: the X-Client-Request-Id is the id of this submission.",
  },
  xai: {
    name: "xAI",
    looked: "nowhere: xAI has no list of jobs.",
    look: "Look through the usage in xAI's console, by time and cost.",
  },
};

export function providerOf({ provider }) {
  return PROVIDERS[provider] ?? { name: provider, looked: "in the provider's own lists, where it has any.", look: "Look through the provider's own pages, by time and prompt." };
}
