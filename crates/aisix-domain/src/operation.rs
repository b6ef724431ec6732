/// What a caller asks for, whatever the dialect or the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// A conversation turn in the OpenAI chat shape.
    Chat,
    /// A conversation turn in the Anthropic messages shape.
    Messages,
    /// A turn in the OpenAI responses shape.
    Responses,
    /// A text completion (legacy).
    Completions,
    /// Vectors for texts.
    Embeddings,
    /// The number of tokens of a conversation, without running it.
    CountTokens,
    /// The list of models.
    Models,
    /// Images from text.
    ImagesGenerations,
    /// Images from images.
    ImagesEdits,
    /// Variations of an image.
    ImagesVariations,
    /// Text from speech, same language.
    AudioTranscriptions,
    /// English text from speech.
    AudioTranslations,
    /// Speech from text.
    AudioSpeech,
    /// Classification of harmful content.
    Moderations,
    /// Documents ordered by relevance.
    Rerank,
    /// Anything else the upstream offers, relayed as it is.
    Passthrough,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 16] = [
        Self::Chat,
        Self::Messages,
        Self::Responses,
        Self::Completions,
        Self::Embeddings,
        Self::CountTokens,
        Self::Models,
        Self::ImagesGenerations,
        Self::ImagesEdits,
        Self::ImagesVariations,
        Self::AudioTranscriptions,
        Self::AudioTranslations,
        Self::AudioSpeech,
        Self::Moderations,
        Self::Rerank,
        Self::Passthrough,
    ];

    /// The name in logs, metric labels and previews.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Messages => "messages",
            Self::Responses => "responses",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::CountTokens => "count_tokens",
            Self::Models => "models",
            Self::ImagesGenerations => "images_generations",
            Self::ImagesEdits => "images_edits",
            Self::ImagesVariations => "images_variations",
            Self::AudioTranscriptions => "audio_transcriptions",
            Self::AudioTranslations => "audio_translations",
            Self::AudioSpeech => "audio_speech",
            Self::Moderations => "moderations",
            Self::Rerank => "rerank",
            Self::Passthrough => "passthrough",
        }
    }
}

/// The protocol a caller speaks. The route decides it; errors are written in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// As the OpenAI SDKs speak.
    Openai,
    /// As the Anthropic SDKs speak.
    Anthropic,
}
