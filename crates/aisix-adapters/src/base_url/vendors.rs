//! Known vendors, as data. A row never changes a path: it says which hosts serve https only, which base to
//! expect on a host, and which hosts are web pages. In a pattern `<…>` stands for any text, in a path for one
//! segment.

use super::Path;

/// A vendor that serves the OpenAI wire format.
pub(crate) struct Vendor {
    pub(crate) name: &'static str,
    /// Every base it is used with, the usual one first.
    pub(crate) openai_bases: &'static [&'static str],
}

/// Web pages that are pasted for the API they describe, and the API's base.
pub(crate) struct WebPage {
    pub(crate) host: &'static str,
    pub(crate) api: Option<&'static str>,
}

/// The vendor of a host and the base that is usual there, when the path is none of those known for it.
pub(crate) fn other_base_expected(host: &str, path: &Path) -> Option<(&'static str, &'static str)> {
    let on_host: Vec<_> = openai_bases().filter(|(_, base)| matches(parts(base).0, host)).collect();
    let is_usual = |base: &str| match parts(base).1 {
        "" => path.is_empty(),
        usual => path.starts_with(usual),
    };
    if on_host.iter().any(|(_, base)| is_usual(base)) { None } else { on_host.first().copied() }
}

/// Whether a vendor is known to serve the host over https and nothing else.
pub(super) fn serves_https(host: &str) -> bool {
    openai_bases().any(|(_, base)| matches(parts(base).0, host))
        || HTTPS_HOSTS.iter().chain(&AZURE_HOSTS).any(|pattern| matches(pattern, host))
}

/// The row of a host that serves web pages.
pub(super) fn web_page(host: &str) -> Option<WebPage> {
    let mut rows =
        WEB_PAGES.iter().flat_map(|(hosts, api)| hosts.iter().map(|host| WebPage { host, api: *api }));
    rows.find(|page| matches(page.host, host))
}

/// Whether the host belongs to an Azure resource, whose paths only Azure has.
pub(crate) fn is_azure(host: &str) -> bool {
    AZURE_HOSTS.iter().any(|pattern| matches(pattern, host))
}

fn openai_bases() -> impl Iterator<Item = (&'static str, &'static str)> {
    VENDORS.iter().flat_map(|vendor| vendor.openai_bases.iter().map(|base| (vendor.name, *base)))
}

/// Host pattern and path pattern of a base.
fn parts(base: &str) -> (&str, &str) {
    let rest = base.strip_prefix("https://").unwrap_or(base);
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}

fn matches(pattern: &str, host: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('<') else { return pattern == host };
    let after = rest.split_once('>').map_or("", |(_, after)| after);
    let inner = host.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    inner.is_some_and(|inner| !inner.is_empty())
}

/// Hosts of Azure resources.
const AZURE_HOSTS: [&str; 10] = [
    "<resource>.openai.azure.com",
    "<resource>.cognitiveservices.azure.com",
    "<resource>.services.ai.azure.com",
    "<region>.api.cognitive.microsoft.com",
    "<resource>.openai.azure.us",
    "<resource>.cognitiveservices.azure.us",
    "<resource>.services.ai.azure.us",
    "<resource>.openai.azure.cn",
    "<resource>.cognitiveservices.azure.cn",
    "<resource>.services.ai.azure.cn",
];

/// Hosts that serve https only and have no base in the OpenAI wire format.
const HTTPS_HOSTS: [&str; 10] = [
    "api.kimi.com",
    "api.xiaomimimo.com",
    "aws-external-anthropic.<region>.api.aws",
    "claude.googleapis.com",
    "aiplatform.<location>.rep.googleapis.com",
    "aiplatform.mtls.googleapis.com",
    "<region>-aiplatform.mtls.googleapis.com",
    "bedrock-runtime-fips.<region>.amazonaws.com",
    "bedrock-runtime.<region>.amazonaws.com.cn",
    "bedrock-runtime.<region>.api.aws",
];

/// Vendors by name.
pub(crate) const VENDORS: &[Vendor] = &[
    Vendor { name: "Anthropic, OpenAI compatibility layer", openai_bases: &["https://api.anthropic.com/v1"] },
    Vendor {
        name: "Azure OpenAI and Foundry, v1 API",
        openai_bases: &[
            "https://<resource>.openai.azure.com/openai/v1",
            "https://<resource>.services.ai.azure.com/openai/v1",
            "https://<resource>.services.ai.azure.com/api/projects/<project>/openai/v1",
        ],
    },
    Vendor { name: "Azure serverless", openai_bases: &["https://<name>.models.ai.azure.com/v1"] },
    Vendor { name: "Baidu Qianfan", openai_bases: &["https://qianfan.baidubce.com/v2"] },
    Vendor {
        name: "Bedrock, OpenAI compatible",
        openai_bases: &[
            "https://bedrock-runtime.<region>.amazonaws.com/openai/v1",
            "https://bedrock-mantle.<region>.api.aws/v1",
            "https://bedrock-mantle.<region>.api.aws/openai/v1",
        ],
    },
    Vendor { name: "Cerebras", openai_bases: &["https://api.cerebras.ai/v1"] },
    Vendor {
        name: "Cloudflare AI Gateway",
        openai_bases: &[
            "https://gateway.ai.cloudflare.com/v1/<account>/<gateway>/openai",
            "https://gateway.ai.cloudflare.com/v1/<account>/<gateway>/compat",
            "https://gateway.ai.cloudflare.com/v1/<account>/<gateway>/<provider>",
        ],
    },
    Vendor {
        name: "Cloudflare Workers AI",
        openai_bases: &["https://api.cloudflare.com/client/v4/accounts/<account>/ai/v1"],
    },
    Vendor {
        name: "Cohere, compatibility API",
        openai_bases: &["https://api.cohere.ai/compatibility/v1", "https://api.cohere.com/compatibility/v1"],
    },
    Vendor {
        name: "DashScope",
        openai_bases: &[
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
            "https://dashscope-us.aliyuncs.com/compatible-mode/v1",
            "https://coding.dashscope.aliyuncs.com/v1",
            "https://coding-intl.dashscope.aliyuncs.com/v1",
        ],
    },
    Vendor {
        name: "Databricks",
        openai_bases: &[
            "https://<workspace>.cloud.databricks.com/serving-endpoints",
            "https://<workspace>.cloud.databricks.com/ai-gateway/mlflow/v1",
            "https://<workspace>.gcp.databricks.com/serving-endpoints",
            "https://<workspace>.gcp.databricks.com/ai-gateway/mlflow/v1",
            "https://<workspace>.azuredatabricks.net/serving-endpoints",
            "https://<workspace>.azuredatabricks.net/ai-gateway/mlflow/v1",
        ],
    },
    Vendor { name: "DeepInfra", openai_bases: &["https://api.deepinfra.com/v1/openai"] },
    Vendor {
        name: "DeepSeek",
        openai_bases: &[
            "https://api.deepseek.com",
            "https://api.deepseek.com/v1",
            "https://api.deepseek.com/beta",
        ],
    },
    Vendor { name: "Fireworks", openai_bases: &["https://api.fireworks.ai/inference/v1"] },
    Vendor {
        name: "Gemini API, OpenAI compatible",
        openai_bases: &["https://generativelanguage.googleapis.com/v1beta/openai"],
    },
    Vendor {
        name: "GitHub Models",
        openai_bases: &[
            "https://models.github.ai/inference",
            "https://models.github.ai/orgs/<organisation>/inference",
            "https://models.inference.ai.azure.com",
        ],
    },
    Vendor { name: "Groq", openai_bases: &["https://api.groq.com/openai/v1"] },
    Vendor { name: "Helicone", openai_bases: &["https://ai-gateway.helicone.ai/v1"] },
    Vendor { name: "Hugging Face", openai_bases: &["https://router.huggingface.co/v1"] },
    Vendor { name: "Hyperbolic", openai_bases: &["https://api.hyperbolic.xyz/v1"] },
    Vendor { name: "jiekou", openai_bases: &["https://api.jiekou.ai/openai"] },
    Vendor { name: "Kilo", openai_bases: &["https://api.kilo.ai/api/gateway"] },
    Vendor { name: "MiniMax", openai_bases: &["https://api.minimax.io/v1", "https://api.minimaxi.com/v1"] },
    Vendor {
        name: "Mistral",
        openai_bases: &["https://api.mistral.ai/v1", "https://codestral.mistral.ai/v1"],
    },
    Vendor { name: "Moonshot", openai_bases: &["https://api.moonshot.ai/v1", "https://api.moonshot.cn/v1"] },
    Vendor {
        name: "Novita",
        openai_bases: &["https://api.novita.ai/openai", "https://api.novita.ai/v3/openai"],
    },
    Vendor { name: "NVIDIA", openai_bases: &["https://integrate.api.nvidia.com/v1"] },
    Vendor {
        name: "OpenAI",
        openai_bases: &[
            "https://api.openai.com/v1",
            "https://us.api.openai.com/v1",
            "https://eu.api.openai.com/v1",
            "https://ae.api.openai.com/v1",
            "https://au.api.openai.com/v1",
            "https://in.api.openai.com/v1",
            "https://jp.api.openai.com/v1",
        ],
    },
    Vendor { name: "OpenRouter", openai_bases: &["https://openrouter.ai/api/v1"] },
    Vendor {
        name: "Perplexity",
        openai_bases: &["https://api.perplexity.ai", "https://api.perplexity.ai/v1"],
    },
    Vendor { name: "Portkey", openai_bases: &["https://api.portkey.ai/v1"] },
    Vendor { name: "SambaNova", openai_bases: &["https://api.sambanova.ai/v1"] },
    Vendor {
        name: "SiliconFlow",
        openai_bases: &["https://api.siliconflow.com/v1", "https://api.siliconflow.cn/v1"],
    },
    Vendor {
        name: "Snowflake Cortex",
        openai_bases: &["https://<account>.snowflakecomputing.com/api/v2/cortex/v1"],
    },
    Vendor { name: "StepFun", openai_bases: &["https://api.stepfun.com/v1"] },
    Vendor {
        name: "Tencent",
        openai_bases: &[
            "https://api.lkeap.cloud.tencent.com/coding/v3",
            "https://api.lkeap.cloud.tencent.com/v1",
            "https://tokenhub.tencentmaas.com/v1",
        ],
    },
    Vendor { name: "Together", openai_bases: &["https://api.together.ai/v1", "https://api.together.xyz/v1"] },
    Vendor {
        name: "Upstage",
        openai_bases: &["https://api.upstage.ai/v1/solar", "https://api.upstage.ai/v1"],
    },
    Vendor { name: "Vercel AI Gateway", openai_bases: &["https://ai-gateway.vercel.sh/v1"] },
    Vendor {
        name: "Vertex AI, OpenAI compatible",
        openai_bases: &[
            "https://<region>-aiplatform.googleapis.com/v1/projects/<project>/locations/<location>/endpoints/openapi",
            "https://<region>-aiplatform.googleapis.com/v1beta1/projects/<project>/locations/<location>/endpoints/openapi",
            "https://<region>-aiplatform.googleapis.com/v1/projects/<project>/locations/<location>/publishers/openai/v1",
            "https://aiplatform.googleapis.com/v1/projects/<project>/locations/<location>/endpoints/openapi",
            "https://aiplatform.googleapis.com/v1beta1/projects/<project>/locations/<location>/endpoints/openapi",
            "https://aiplatform.googleapis.com/v1/projects/<project>/locations/<location>/publishers/openai/v1",
        ],
    },
    Vendor {
        name: "Volcengine Ark",
        openai_bases: &[
            "https://ark.<region>.volces.com/api/v3",
            "https://ark.<region>.volces.com/api/coding/v3",
        ],
    },
    Vendor { name: "xAI", openai_bases: &["https://api.x.ai/v1"] },
    Vendor {
        name: "Zhipu and Z.ai",
        openai_bases: &[
            "https://open.bigmodel.cn/api/paas/v4",
            "https://open.bigmodel.cn/api/coding/paas/v4",
            "https://api.z.ai/api/paas/v4",
            "https://api.z.ai/api/coding/paas/v4",
        ],
    },
];

/// Consoles, documentation and chat pages, with the API that is meant.
const WEB_PAGES: &[(&[&str], Option<&str>)] = &[
    (
        &[
            "platform.openai.com",
            "developers.openai.com",
            "docs.openai.com",
            "help.openai.com",
            "chat.openai.com",
            "chatgpt.com",
            "www.chatgpt.com",
            "openai.com",
            "www.openai.com",
        ],
        Some("https://api.openai.com/v1"),
    ),
    (
        &[
            "docs.anthropic.com",
            "console.anthropic.com",
            "support.anthropic.com",
            "anthropic.com",
            "www.anthropic.com",
            "platform.claude.com",
            "docs.claude.com",
            "console.claude.com",
            "code.claude.com",
            "claude.com",
            "www.claude.com",
            "claude.ai",
        ],
        Some("https://api.anthropic.com"),
    ),
    (
        &["aistudio.google.com", "makersuite.google.com", "ai.google.dev", "gemini.google.com"],
        Some("https://generativelanguage.googleapis.com/v1beta/openai"),
    ),
    (
        &["console.cloud.google.com", "cloud.google.com", "docs.cloud.google.com"],
        Some("https://<region>-aiplatform.googleapis.com"),
    ),
    (
        &[
            "console.aws.amazon.com",
            "<region>.console.aws.amazon.com",
            "signin.aws.amazon.com",
            "<region>.signin.aws.amazon.com",
            "docs.aws.amazon.com",
            "aws.amazon.com",
        ],
        Some("https://bedrock-runtime.<region>.amazonaws.com, or nothing with adapter \"bedrock\""),
    ),
    (
        &[
            "portal.azure.com",
            "portal.azure.us",
            "portal.azure.cn",
            "ai.azure.com",
            "oai.azure.com",
            "ml.azure.com",
            "learn.microsoft.com",
            "docs.microsoft.com",
            "azure.microsoft.com",
        ],
        Some("https://<resource>.openai.azure.com"),
    ),
    (&["console.groq.com", "groq.com", "www.groq.com"], Some("https://api.groq.com/openai/v1")),
    (
        &["console.mistral.ai", "docs.mistral.ai", "chat.mistral.ai", "mistral.ai", "www.mistral.ai"],
        Some("https://api.mistral.ai/v1"),
    ),
    (
        &[
            "platform.deepseek.com",
            "api-docs.deepseek.com",
            "chat.deepseek.com",
            "deepseek.com",
            "www.deepseek.com",
        ],
        Some("https://api.deepseek.com"),
    ),
    (&["docs.perplexity.ai", "www.perplexity.ai", "perplexity.ai"], Some("https://api.perplexity.ai")),
    (&["docs.together.ai", "www.together.ai", "together.ai"], Some("https://api.together.ai/v1")),
    (
        &["docs.fireworks.ai", "app.fireworks.ai", "fireworks.ai"],
        Some("https://api.fireworks.ai/inference/v1"),
    ),
    (&["docs.x.ai", "console.x.ai", "x.ai", "grok.com"], Some("https://api.x.ai/v1")),
    (
        &["cloud.cerebras.ai", "inference-docs.cerebras.ai", "www.cerebras.ai"],
        Some("https://api.cerebras.ai/v1"),
    ),
    (&["build.nvidia.com", "docs.api.nvidia.com"], Some("https://integrate.api.nvidia.com/v1")),
    (
        &["dash.cloudflare.com", "developers.cloudflare.com"],
        Some("https://api.cloudflare.com/client/v4/accounts/<account>/ai/v1"),
    ),
    (
        &["bailian.console.aliyun.com", "dashscope.console.aliyun.com", "help.aliyun.com"],
        Some("https://dashscope.aliyuncs.com/compatible-mode/v1"),
    ),
    (&["bigmodel.cn", "www.bigmodel.cn", "docs.bigmodel.cn"], Some("https://open.bigmodel.cn/api/paas/v4")),
    (&["z.ai", "chat.z.ai", "docs.z.ai"], Some("https://api.z.ai/api/paas/v4")),
    (&["console.volcengine.com", "www.volcengine.com"], Some("https://ark.cn-beijing.volces.com/api/v3")),
    (
        &["platform.moonshot.ai", "platform.moonshot.cn", "www.moonshot.cn", "www.kimi.com", "kimi.com"],
        Some("https://api.moonshot.ai/v1"),
    ),
    (&["platform.minimax.io", "www.minimax.io", "platform.minimaxi.com"], Some("https://api.minimax.io/v1")),
    (
        &["docs.cohere.com", "dashboard.cohere.com", "cohere.com"],
        Some("https://api.cohere.ai/compatibility/v1"),
    ),
    (&["console.upstage.ai"], Some("https://api.upstage.ai/v1/solar")),
    (&["huggingface.co", "www.huggingface.co"], Some("https://router.huggingface.co/v1")),
    (&["vercel.com", "www.vercel.com"], Some("https://ai-gateway.vercel.sh/v1")),
    (
        &[
            "github.com",
            "www.github.com",
            "docs.github.com",
            "gist.github.com",
            "raw.githubusercontent.com",
            "gitlab.com",
            "docs.litellm.ai",
            "docs.vllm.ai",
            "docs.ollama.com",
            "lmstudio.ai",
            "docs.rs",
            "www.npmjs.com",
            "pypi.org",
        ],
        None,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_its_bases_are_bases() {
        assert!(VENDORS.is_sorted_by_key(|vendor| vendor.name.to_ascii_lowercase()));
        for (vendor, base) in openai_bases() {
            assert!(base.starts_with("https://") && !base.ends_with('/'), "{vendor}: {base}");
        }
    }

    #[test]
    fn no_api_host_is_taken_for_a_web_page() {
        for (vendor, base) in openai_bases() {
            assert!(web_page(parts(base).0).is_none(), "{vendor}: {base}");
        }
    }

    #[test]
    fn a_pattern_stands_for_at_least_one_character() {
        assert!(matches("<r>.openai.azure.com", "acme.openai.azure.com"));
        assert!(matches("a.<r>.b", "a.x.y.b"));
        for (pattern, host) in
            [("<r>.x", ".x"), ("<r>.x", "x"), ("a.<r>.b", "a.b"), ("a.x", "b.a.x"), ("a", "ab")]
        {
            assert!(!matches(pattern, host), "{pattern} {host}");
        }
    }

    /// The operators' page lists the same rows as this table.
    #[test]
    fn the_documentation_lists_every_base() {
        let page = include_str!("../../../../docs/base-urls.md");
        for vendor in VENDORS {
            let row = page.lines().find(|line| line.starts_with(&format!("| {} |", vendor.name)));
            let row = row.unwrap_or_else(|| panic!("docs/base-urls.md has no row for {}", vendor.name));
            for base in vendor.openai_bases {
                assert!(row.contains(&format!("`{base}`")), "docs/base-urls.md lacks {base}");
            }
        }
    }
}
