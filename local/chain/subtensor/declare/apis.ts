/** Runtime APIs of spec 425 that the development chain answers. */
export const APIS = {
  NeuronInfoRuntimeApi: {
    version: 1,
    methods: `
      get_neurons: netuid u16 => Vec<NeuronInfo>
      get_neuron: netuid u16, uid u16 => Option<NeuronInfo>
      get_neurons_lite: netuid u16 => Vec<NeuronInfoLite>
      get_neuron_lite: netuid u16, uid u16 => Option<NeuronInfoLite>`,
  },
  SubnetInfoRuntimeApi: {
    version: 2,
    methods: `
      get_subnet_hyperparams: netuid u16 => Option<SubnetHyperparams>
      get_subnet_hyperparams_v2: netuid u16 => Option<SubnetHyperparamsV2>
      get_metagraph: netuid u16 => Option<Metagraph>
      get_subnet_state: netuid u16 => Option<SubnetState>
      get_selective_metagraph: netuid u16, metagraph_indexes Vec<u16> => Option<SelectiveMetagraph>
      get_selective_mechagraph: netuid u16, subid u8, metagraph_indexes Vec<u16> => Option<SelectiveMetagraph>
      get_next_epoch_start_block: netuid u16 => Option<u64>`,
  },
}
